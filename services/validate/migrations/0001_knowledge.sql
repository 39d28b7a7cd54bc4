-- What is known of a source from verified rows, and the schema that follows from it.
CREATE TABLE source_knowledge (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  profile jsonb NOT NULL,
  schema jsonb NOT NULL,
  schema_version integer NOT NULL,
  schema_digest text NOT NULL,
  PRIMARY KEY (tenant, source, kind)
);

-- Every schema that was ever in force.
CREATE TABLE schema_version (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  version integer NOT NULL,
  digest text NOT NULL,
  schema jsonb NOT NULL,
  accepted_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, source, kind, version)
);

-- How far a producer is trusted.
CREATE TABLE producer_standing (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  producer text NOT NULL,
  verified_rows bigint NOT NULL,
  suspicions jsonb NOT NULL,
  PRIMARY KEY (tenant, source, kind, producer)
);

-- The newest verified rows by event time, which new rows are compared with.
CREATE TABLE recent_row (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  row_id text NOT NULL,
  event_time timestamptz NOT NULL,
  cells jsonb NOT NULL,
  PRIMARY KEY (tenant, source, kind, row_id)
);
CREATE INDEX recent_row_by_time ON recent_row (tenant, source, kind, event_time DESC);
