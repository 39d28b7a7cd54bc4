-- Messages of sources that no system describes yet: how their rows are read is not known. They go back to the bus
-- once the source is known.
CREATE TABLE waiting_message (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  message_id text NOT NULL,
  producer text NOT NULL,
  stream_sequence bigint NOT NULL,
  body bytea NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, source, kind, message_id)
);
