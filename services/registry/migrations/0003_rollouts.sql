create table rollout (
  tenant text not null,
  rollout_id text not null,
  system text not null,
  trigger text not null,
  phase text not null,
  reason text not null,
  review_id text not null,
  plan jsonb not null,
  model_version integer not null,
  canary_step integer not null,
  step_epoch bigint not null,
  step_count integer not null,
  candidate_count integer not null,
  inconclusive_count integer not null,
  requested_at timestamptz not null,
  ended_at timestamptz,
  -- The fact that moved it last, so that what follows from a test or from predictions has its cause.
  correlation_id text,
  causation_id text,
  primary key (tenant, rollout_id)
);
create index rollout_by_system on rollout (tenant, system, requested_at);
-- Never two in flight for one system, whatever the code above does.
create unique index rollout_in_flight on rollout (tenant, system) where ended_at is null;

-- Predictions that a rollout in flight has looked at.
create table seen_prediction (
  tenant text not null,
  rollout_id text not null,
  prediction_id text not null,
  primary key (tenant, rollout_id, prediction_id)
);

-- A candidate to be tried in the inference service: leased, fenced by its epoch.
create table model_test (
  tenant text not null,
  rollout_id text not null,
  system text not null,
  version integer not null,
  digest text not null,
  manifest_digest text not null,
  epoch integer not null default 0,
  attempt integer not null default 0,
  next_at timestamptz not null,
  leased_until timestamptz,
  primary key (tenant, rollout_id)
);
