-- Ids of predictions of the last days, so that none counts twice.
create table seen_prediction (
  tenant text not null,
  prediction_id text collate "C" not null,
  received_at timestamptz not null,
  primary key (tenant, prediction_id)
);
create index seen_prediction_by_time on seen_prediction (tenant, received_at);

create table prediction_count (
  tenant text not null,
  system text not null,
  predictions bigint not null,
  failed bigint not null,
  newest_received_at timestamptz not null,
  primary key (tenant, system)
);

-- One for each row that was asked about: the first answer, and its truth when it is known.
create table prediction_row (
  tenant text not null,
  system text not null,
  event_time timestamptz not null,
  -- Tells rows of one event time apart: the key, and for computed labels the row's own columns.
  identity text collate "C" not null,
  prediction_id text collate "C" not null,
  received_at timestamptz not null,
  epoch bigint not null,
  served_version integer not null,
  served_value double precision not null,
  -- True where the served answer was the champion's, not a canary's.
  by_champion boolean not null,
  versions integer[] not null,
  answers double precision[] not null,
  features jsonb not null,
  label double precision,
  label_rank text collate "C",
  -- True once the watch over the champion has looked at it.
  watched boolean not null default false,
  primary key (tenant, system, event_time, identity)
);
create index prediction_row_unwatched on prediction_row (tenant, system, event_time, identity)
  where label is not null and by_champion and not watched;
