-- How rows of a source are read, from its document or, without one, from the system that was applied last.
ALTER TABLE source
  -- IANA zone of times without an offset; empty: UTC.
  ADD COLUMN zone text NOT NULL DEFAULT '',
  ADD COLUMN watermark_ms bigint,
  ADD COLUMN late_policy text NOT NULL DEFAULT 'take',
  -- Of the document; 0: systems alone describe the source.
  ADD COLUMN version integer NOT NULL DEFAULT 0;

CREATE TABLE source_document (
  tenant text NOT NULL,
  source text NOT NULL,
  version integer NOT NULL,
  document_json text NOT NULL,
  declared_by text NOT NULL,
  declared_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, source, version)
);

-- What each system says of its source, in canonical JSON: a document must not contradict it.
CREATE TABLE source_system (
  tenant text NOT NULL,
  system text NOT NULL,
  source text NOT NULL,
  reading jsonb NOT NULL,
  PRIMARY KEY (tenant, system)
);
CREATE INDEX source_system_of_source ON source_system (tenant, source);
INSERT INTO source_system (tenant, system, source, reading)
  SELECT tenant, system, source,
    jsonb_build_object('name', source, 'time', time_column, 'key', key_columns, 'schema', 'inferred')
  FROM source;
ALTER TABLE source DROP COLUMN system;

-- Headers that say how a waiting body is read: its content type, the time of its event.
ALTER TABLE waiting_message ADD COLUMN headers jsonb NOT NULL DEFAULT '{}';
