-- Training sets that were asked for: leased rows, fenced by their epoch, until they are made or refused.
CREATE TABLE dataset (
  tenant text NOT NULL,
  rollout_id text NOT NULL,
  dataset_id text NOT NULL,
  system text NOT NULL,
  system_version integer NOT NULL,
  champion_version integer NOT NULL,
  champion_digest text NOT NULL,
  status text NOT NULL CHECK (status IN ('wanted', 'made', 'refused')),
  reason text NOT NULL DEFAULT '',
  training_digest text NOT NULL DEFAULT '',
  training_rows integer NOT NULL DEFAULT 0,
  holdout_digest text NOT NULL DEFAULT '',
  holdout_rows integer NOT NULL DEFAULT 0,
  manifest_digest text NOT NULL DEFAULT '',
  requested_at timestamptz NOT NULL,
  correlation_id text NOT NULL,
  causation_id text NOT NULL,
  epoch integer NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  leased_until timestamptz,
  PRIMARY KEY (tenant, rollout_id)
);
CREATE INDEX dataset_of_system ON dataset (tenant, system, requested_at);
CREATE INDEX dataset_wanted ON dataset (tenant, next_at) WHERE status = 'wanted';
