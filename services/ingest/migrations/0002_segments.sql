CREATE TABLE segment (
  segment_id uuid PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  producer text NOT NULL,
  digest text NOT NULL,
  rows integer NOT NULL,
  bytes bigint NOT NULL,
  event_time_min timestamptz NOT NULL,
  event_time_max timestamptz NOT NULL,
  stream_sequence_first bigint NOT NULL,
  stream_sequence_last bigint NOT NULL,
  recorded_at timestamptz NOT NULL
);
CREATE INDEX segment_of_source ON segment (tenant, source, kind);

-- Ids of rows that came one by one. A file's rows are known by the file's digest instead.
CREATE TABLE taken_row (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  row_id text NOT NULL,
  segment_id uuid NOT NULL,
  PRIMARY KEY (tenant, source, kind, row_id)
);

CREATE TABLE taken_file (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  digest text NOT NULL,
  rows integer NOT NULL,
  refused integer NOT NULL,
  first_refusal text NOT NULL,
  taken_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, source, kind, digest)
);
