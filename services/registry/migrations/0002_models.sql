-- Immutable but for the outcome of the serving test. One version for each training run.
create table model_version (
  tenant text not null,
  system text not null,
  version integer not null,
  run_id text not null,
  rollout_id text not null,
  dataset_id text not null,
  digest text not null,
  bytes bigint not null,
  manifest_digest text not null,
  inputs jsonb not null,
  evaluation jsonb not null,
  tested text not null,
  test_reason text not null,
  registered_at timestamptz not null,
  primary key (tenant, system, version),
  unique (tenant, run_id)
);

-- Runs of which one of the two facts is still missing.
create table pending_run (
  tenant text not null,
  run_id text not null,
  system text not null,
  completed jsonb,
  evaluated jsonb,
  primary key (tenant, run_id)
);
create index pending_run_by_system on pending_run (tenant, system);
