-- Which event brought the held rows: repaired ones keep its place among later corrections. Empty where it was not kept.
ALTER TABLE quarantine ADD COLUMN recorded_event_id text NOT NULL DEFAULT '';
