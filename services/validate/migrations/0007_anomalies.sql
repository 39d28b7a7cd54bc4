-- What was found odd about rows, kept with where they are: rows that were held or let through, and whole sets.
CREATE TABLE anomaly (
  anomaly_id uuid PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  producer text NOT NULL,
  -- Of the recorded segment; none where the reason is that nothing came.
  segment_id uuid,
  type text NOT NULL,
  rule text NOT NULL,
  column_name text NOT NULL,
  finding jsonb NOT NULL,
  found_at timestamptz NOT NULL
);
CREATE INDEX anomaly_of_source ON anomaly (tenant, source, kind, anomaly_id DESC);

-- Where the rows of a source stand in event time: what one segment cannot tell of a run, a step or a period.
CREATE TABLE source_watch (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  state jsonb NOT NULL,
  -- Of the newest row, and when it came; a source that fell silent is told once.
  newest_event_time timestamptz NOT NULL,
  silent_since timestamptz,
  PRIMARY KEY (tenant, source, kind)
);

-- Held rows that somebody let through as they are, or gave up.
ALTER TABLE quarantine DROP CONSTRAINT quarantine_status_check;
ALTER TABLE quarantine ADD CONSTRAINT quarantine_status_check
  CHECK (status IN ('held', 'repaired', 'released', 'discarded'));
ALTER TABLE repair ADD COLUMN action text NOT NULL DEFAULT 'repair';
ALTER TABLE repair ADD COLUMN reason text NOT NULL DEFAULT '';

-- Files of verified rows, which rules of other sources refer to.
CREATE TABLE verified_file (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  digest text NOT NULL,
  PRIMARY KEY (tenant, source, kind, digest)
);
