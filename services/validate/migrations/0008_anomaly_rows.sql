-- The row that shows an anomaly, which its evidence quotes: with an erased row goes what quotes it.
ALTER TABLE anomaly ADD COLUMN row_id text NOT NULL DEFAULT '';
