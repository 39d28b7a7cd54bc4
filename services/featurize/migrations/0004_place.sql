-- The order of segments is that of recording, so that repaired rows keep the place of their arrival: see
-- `src/decide/place.ts`. Of segments that are here already only the event that told them is known.
ALTER TABLE segment RENAME COLUMN event_id TO place;
