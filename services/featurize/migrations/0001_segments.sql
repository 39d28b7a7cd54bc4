-- What is known of a source, whether a system uses it or not. Its row is the lock of everything about the source.
CREATE TABLE source (
  tenant text NOT NULL,
  source text NOT NULL,
  rows bigint NOT NULL DEFAULT 0,
  labels bigint NOT NULL DEFAULT 0,
  -- Event times in microseconds since the epoch, UTC; null where nothing came yet.
  newest_row_us bigint,
  newest_label_us bigint,
  PRIMARY KEY (tenant, source)
);

-- Verified segments. Repaired rows come as a further segment under the id of the one they were held back from.
CREATE TABLE segment (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('rows', 'labels')),
  segment_id text NOT NULL,
  repair_id text NOT NULL,
  digest text NOT NULL,
  rows integer NOT NULL,
  event_time_min_us bigint NOT NULL,
  event_time_max_us bigint NOT NULL,
  -- Id of the event that told it: a UUIDv7, so that the order is that of telling, however the events arrive.
  event_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, source, kind, segment_id, repair_id, digest)
);
CREATE INDEX segment_in_order ON segment (tenant, source, kind, event_id);
