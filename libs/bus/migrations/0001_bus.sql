-- Events of this service: committed with the state that they tell of, published by the relay.
create table outbox (
  id bigint generated always as identity primary key,
  event_id uuid not null unique,
  stream text not null,
  subject text not null,
  headers jsonb not null,
  body bytea not null,
  tenant text not null,
  aggregate text not null,
  aggregate_id text not null,
  aggregate_version bigint not null,
  created_at timestamptz not null default now(),
  published_at timestamptz,
  stream_sequence bigint,
  unique (tenant, aggregate, aggregate_id, aggregate_version)
);
create index outbox_unpublished on outbox (id) where published_at is null;
create index outbox_published_at on outbox (published_at) where published_at is not null;

-- The row lock on an aggregate's version makes the order of its events that of the commits.
create table outbox_version (
  tenant text not null,
  aggregate text not null,
  aggregate_id text not null,
  version bigint not null,
  primary key (tenant, aggregate, aggregate_id)
) with (fillfactor = 70);

-- What each consumer has handled. The guard against messages that come twice.
create table inbox (
  consumer text not null,
  event_id text not null,
  stream text not null,
  stream_sequence bigint not null,
  outcome text not null check (outcome in ('handled', 'parked')),
  handled_at timestamptz not null default now(),
  primary key (consumer, event_id)
);
create index inbox_handled_at on inbox (handled_at);

-- How far each batch consumer is in its stream. The bus's time of that message tells whether it is still that stream.
create table batch_position (
  consumer text primary key,
  stream text not null,
  stream_sequence bigint not null,
  stream_time timestamptz,
  moved_at timestamptz not null default now()
) with (fillfactor = 70);

-- Messages in hand of a process that may not live to say so: what kills its process again and again is parked.
create table suspect (
  consumer text not null,
  message_id text not null,
  begun int not null,
  begun_at timestamptz not null default now(),
  primary key (consumer, message_id)
);

create table dead_letter (
  dead_letter_id uuid primary key,
  consumer text not null,
  event_id text not null,
  event_type text not null,
  stream text not null,
  stream_sequence bigint not null,
  stream_time timestamptz not null,
  subject text not null,
  headers jsonb not null,
  body bytea not null,
  attempts int not null,
  code text not null,
  reason text not null,
  internal text,
  status text not null check (status in ('open', 'requeued', 'discarded')),
  -- A requeued one has been handled.
  handled_at timestamptz,
  recorded_at timestamptz not null default now(),
  decided_by text,
  decided_reason text,
  decided_at timestamptz,
  unique (consumer, event_id)
);
create index dead_letter_waiting on dead_letter (decided_at) where status = 'requeued' and handled_at is null;
