-- A version may be a graph of other models instead of a file.
alter table served_version add column graph jsonb;
