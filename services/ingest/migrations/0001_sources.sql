-- What system.applied told: how rows of a source are read.
CREATE TABLE source (
  tenant text NOT NULL,
  source text NOT NULL,
  time_column text NOT NULL,
  key_columns jsonb NOT NULL,
  system text NOT NULL,
  PRIMARY KEY (tenant, source)
);

-- Who sends, and how much came.
CREATE TABLE producer (
  tenant text NOT NULL,
  source text NOT NULL,
  producer text NOT NULL,
  public_key text NOT NULL DEFAULT '',
  rows bigint NOT NULL DEFAULT 0,
  last_event_time timestamptz,
  last_received_at timestamptz,
  PRIMARY KEY (tenant, source, producer)
);
