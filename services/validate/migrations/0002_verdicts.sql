-- One line for each judged segment: good and held rows add up to what was recorded.
CREATE TABLE judged_segment (
  segment_id uuid PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  producer text NOT NULL,
  good_rows integer NOT NULL,
  held_rows integer NOT NULL,
  schema_version integer NOT NULL,
  judged_at timestamptz NOT NULL
);

CREATE TABLE quarantine (
  quarantine_id uuid PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  producer text NOT NULL,
  segment_id uuid NOT NULL,
  digest text NOT NULL,
  rows integer NOT NULL,
  event_time_min timestamptz NOT NULL,
  event_time_max timestamptz NOT NULL,
  findings jsonb NOT NULL,
  status text NOT NULL CHECK (status IN ('held', 'repaired')),
  repair_id uuid,
  held_at timestamptz NOT NULL
);
CREATE INDEX quarantine_held ON quarantine (tenant, source, event_time_min) WHERE status = 'held';

-- Why each held row is held; the first thousand rows of an entry.
CREATE TABLE held_row (
  quarantine_id uuid NOT NULL REFERENCES quarantine,
  row_id text NOT NULL,
  event_time timestamptz NOT NULL,
  rule text NOT NULL,
  column_name text NOT NULL,
  cell jsonb,
  PRIMARY KEY (quarantine_id, row_id, rule, column_name)
);

CREATE TABLE repair (
  repair_id uuid PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  column_name text NOT NULL,
  expression text NOT NULL,
  entries integer NOT NULL,
  rows integer NOT NULL,
  repaired_by text NOT NULL,
  repaired_at timestamptz NOT NULL
);
