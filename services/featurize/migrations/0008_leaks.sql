-- What was found in the training rows of a training set: features that seem to give its label away.
CREATE TABLE leak_report (
  tenant text NOT NULL,
  dataset_id text NOT NULL,
  system text NOT NULL,
  system_version integer NOT NULL,
  answer text NOT NULL CHECK (answer IN ('warned', 'refused')),
  rows bigint NOT NULL,
  -- A list of {kind, features, relation, evidence, strength, rows, rowsHolding}.
  leaks text NOT NULL,
  checked_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, dataset_id)
);
CREATE INDEX leak_report_of_system ON leak_report (tenant, system, checked_at);
