-- What was erased on request. The key's value is there while it is worked on, and nowhere afterwards.
CREATE TABLE erasure (
  tenant text NOT NULL,
  erasure_id uuid NOT NULL,
  column_name text NOT NULL,
  key_value text,
  key_digest text NOT NULL,
  -- Of one source; empty: of every one that has the column.
  source text NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  done_at timestamptz,
  -- Files that held the key, and what came in their place.
  replaced jsonb NOT NULL DEFAULT '[]',
  -- What else held it.
  places jsonb NOT NULL DEFAULT '[]',
  PRIMARY KEY (tenant, erasure_id)
);
CREATE INDEX erasure_running ON erasure (tenant) WHERE done_at IS NULL;

-- Rows of a running erasure: once their source's files are rewritten, nothing else tells which they were.
CREATE TABLE erasure_row (
  tenant text NOT NULL,
  erasure_id uuid NOT NULL,
  source text NOT NULL,
  row_id text NOT NULL,
  event_us bigint NOT NULL,
  PRIMARY KEY (tenant, erasure_id, source, row_id, event_us)
);
