-- Files of watched folders and prefixes, by name: each is taken once.
CREATE TABLE watched_file (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  -- Path or s3://bucket/key; of a place that cannot be looked through, the place.
  name text NOT NULL,
  -- Size and time of change, or the bucket's ETag: what tells that the content changed.
  mark text NOT NULL,
  -- taking stays where the process was killed while the file came in: whether its rows are there is not known then.
  status text NOT NULL CHECK (status IN ('taking', 'taken', 'refused', 'changed')),
  taken integer NOT NULL,
  duplicates integer NOT NULL,
  refused integer NOT NULL,
  message text NOT NULL,
  looked_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, source, kind, name)
);
CREATE INDEX watched_file_by_time ON watched_file (tenant, looked_at DESC);
