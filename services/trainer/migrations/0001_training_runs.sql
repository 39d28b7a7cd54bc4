-- Every applied system.yaml by version; a run is made by the one its dataset was made by.
create table system_spec (
  tenant text not null,
  system text not null,
  version integer not null,
  spec_digest text not null,
  spec_json text not null,
  trainer text not null,
  primary key (tenant, system, version)
);

-- One row for each training run, from its queueing to its end. A run in work is leased and fenced by its epoch.
create table training_run (
  tenant text not null,
  run_id text not null,
  system text not null,
  system_version integer not null,
  rollout_id text not null,
  dataset_id text not null,
  -- The body of dataset.materialized, canonical ProtoJSON.
  dataset jsonb not null,
  -- Known once the run was begun.
  trainer text not null default '',
  status text not null default 'queued' check (status in ('queued', 'running', 'completed', 'failed')),
  reason text not null default '',
  -- How often it was begun, and how often that ended in a failure of its own (not with its service).
  attempt integer not null default 0,
  failures integer not null default 0,
  epoch integer not null default 0,
  next_at timestamptz not null,
  leased_until timestamptz,
  correlation_id text not null,
  causation_id text not null,
  model_digest text not null default '',
  manifest_digest text not null default '',
  duration_seconds double precision not null default 0,
  peak_memory_bytes double precision not null default 0,
  queued_at timestamptz not null,
  ended_at timestamptz,
  primary key (tenant, run_id)
);
create index training_run_in_work on training_run (tenant, queued_at) where status in ('queued', 'running');
create index training_run_by_system on training_run (tenant, system, queued_at desc);
