-- A row far ahead of the clock when it came no longer moves its source's watermark, and one that has moved it before is
-- undone here: the newest of the segments that hold no such row stands in its place, until further rows move it along.
UPDATE newest_event SET event_time = counted.event_time
  FROM (
    SELECT tenant, source, max(event_time_max) FILTER (WHERE event_time_max <= recorded_at + interval '1 day') AS event_time
    FROM segment WHERE kind = 'rows' GROUP BY 1, 2
  ) AS counted
  WHERE newest_event.tenant = counted.tenant AND newest_event.source = counted.source
    AND newest_event.event_time > now() + interval '1 day' AND counted.event_time IS NOT NULL;
DELETE FROM newest_event WHERE event_time > now() + interval '1 day';
