-- Verified rows of each source, segment by segment, and where they lie now.
CREATE TABLE dataset_segment (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  -- The event that recorded the rows, and the one that let them through: segments sort by it as they were recorded.
  place text NOT NULL,
  segment_id uuid NOT NULL,
  repair_id text NOT NULL,
  -- The file that segment.verified named. Others may hold the rows by now.
  verified_digest text NOT NULL,
  digest text NOT NULL,
  first_row bigint NOT NULL,
  rows integer NOT NULL,
  event_time_min timestamptz NOT NULL,
  event_time_max timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  producer text NOT NULL,
  schema_version integer NOT NULL,
  -- Rows that were erased since it was verified.
  erased_rows integer NOT NULL DEFAULT 0,
  -- The first version that has it; null until that is made.
  in_version integer,
  PRIMARY KEY (tenant, source, kind, place)
);
CREATE INDEX dataset_segment_new ON dataset_segment (tenant, source, kind) WHERE in_version IS NULL;
CREATE INDEX dataset_segment_by_digest ON dataset_segment (digest);

CREATE TABLE dataset_file (
  tenant text NOT NULL,
  digest text NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  -- Digest-like name of its columns and their types: files with the same one can become one file.
  columns text NOT NULL,
  PRIMARY KEY (tenant, digest)
);

CREATE TABLE dataset_version (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  version integer NOT NULL,
  manifest_digest text NOT NULL,
  segments integer NOT NULL,
  files integer NOT NULL,
  rows bigint NOT NULL,
  bytes bigint NOT NULL,
  reason text NOT NULL CHECK (reason IN ('rows', 'compacted', 'erased')),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, source, kind, version)
);
