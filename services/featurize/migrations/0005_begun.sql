-- How often the work was begun and came to no end, not even to a failure: what kills its process each time is given up.
ALTER TABLE dataset ADD COLUMN begun integer NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN begun integer NOT NULL DEFAULT 0;
