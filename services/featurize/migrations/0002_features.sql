-- Every applied version of a system; the newest is served.
CREATE TABLE feature_view (
  tenant text NOT NULL,
  system text NOT NULL,
  version integer NOT NULL,
  source text NOT NULL,
  spec_json text NOT NULL,
  spec_digest text NOT NULL,
  PRIMARY KEY (tenant, system, version)
);

-- Values that windows look at: one column or expression of a source's rows or labels, grouped by some columns.
CREATE TABLE series (
  tenant text NOT NULL,
  series_id text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('rows', 'labels')),
  definition text NOT NULL,
  -- How far back the widest window reaches.
  horizon_us bigint NOT NULL,
  -- How many values before that a window by count may want, of each group; 0 where there is none.
  last_count integer NOT NULL,
  -- Everything from here on is kept; null until the past has been filled in.
  kept_from_us bigint,
  epoch integer NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  leased_until timestamptz,
  PRIMARY KEY (tenant, series_id)
);
CREATE INDEX series_of_source ON series (tenant, source);
CREATE INDEX series_to_fill ON series (tenant, next_at) WHERE kept_from_us IS NULL;

CREATE TABLE window_value (
  tenant text NOT NULL,
  series_id text NOT NULL,
  -- Canonical JSON of the group's values, or its digest where that is long.
  by_key text COLLATE "C" NOT NULL,
  event_us bigint NOT NULL,
  -- What tells values of one instant apart, and orders them: a row's id; of labels the key.
  row_key text COLLATE "C" NOT NULL,
  -- Which of two labels for one target is the later one.
  position text COLLATE "C" NOT NULL,
  number double precision,
  text text,
  PRIMARY KEY (tenant, series_id, by_key, event_us, row_key)
);
CREATE INDEX window_value_by_time ON window_value (tenant, series_id, event_us);
