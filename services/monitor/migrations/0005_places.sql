-- What each prediction was about, by ordinal: [event time in ms or null, key], so that a label can name a prediction
-- alone. Kept as long as the id is.
alter table seen_prediction add column system text not null default '';
alter table seen_prediction add column places jsonb not null default '[]';
