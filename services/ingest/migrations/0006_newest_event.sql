-- The newest event time among the taken rows of a source: its watermark lies a declared time behind it.
CREATE TABLE newest_event (
  tenant text NOT NULL,
  source text NOT NULL,
  event_time timestamptz NOT NULL,
  PRIMARY KEY (tenant, source)
);
INSERT INTO newest_event
  SELECT tenant, source, max(event_time_max) FROM segment WHERE kind = 'rows' GROUP BY 1, 2;

-- Rows of a file that came behind the watermark.
ALTER TABLE taken_file ADD COLUMN late integer NOT NULL DEFAULT 0;
