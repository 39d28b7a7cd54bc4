-- How far a source's verified rows reach in data time; a system that trains on a span waits for its end.
alter table verified_count add column event_time_max timestamptz;
