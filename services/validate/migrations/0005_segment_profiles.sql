-- Profiles of verified segments; many small ones of one source are merged into one of the next level.
CREATE TABLE segment_profile (
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  -- The segment, or the first of those that were merged.
  segment_id uuid NOT NULL,
  -- Verified rows of the newest one.
  digest text NOT NULL,
  level integer NOT NULL,
  segments integer NOT NULL,
  rows bigint NOT NULL,
  event_time_min timestamptz NOT NULL,
  event_time_max timestamptz NOT NULL,
  -- Sketches as JSON, deflated.
  profile bytea NOT NULL,
  PRIMARY KEY (tenant, source, kind, segment_id)
);
CREATE INDEX segment_profile_by_time ON segment_profile (tenant, source, kind, level, event_time_min);
