-- Predictions that are fetched later: leased, fenced by their epoch, so that each has one result.
create table submission (
  tenant text not null,
  submission_id text collate "C" not null,
  -- request or batch
  kind text not null,
  system text not null,
  caller text not null,
  -- Of one caller; null where every call makes a new one.
  idempotency_key text,
  -- queued, running, completed, failed or cancelled
  state text not null,
  body_digest text not null,
  format text not null,
  rows_total integer not null,
  rows_done integer not null default 0,
  rows_failed integer not null default 0,
  rows_failed_max integer not null,
  parts_done integer not null default 0,
  result_digest text not null default '',
  error_json text not null default '',
  created_at timestamptz not null,
  ended_at timestamptz,
  epoch integer not null default 0,
  attempt integer not null default 0,
  next_at timestamptz not null,
  leased_until timestamptz,
  callback_url text not null,
  callback_secret text not null,
  -- none, pending, delivered or failed
  callback_state text not null,
  callback_attempt integer not null default 0,
  callback_error text not null default '',
  callback_epoch integer not null default 0,
  callback_next_at timestamptz,
  callback_leased_until timestamptz,
  primary key (tenant, submission_id)
);
create unique index submission_by_key on submission (tenant, caller, idempotency_key) where idempotency_key is not null;
create index submission_due on submission (tenant, kind, next_at) where ended_at is null;
create index submission_by_caller on submission (tenant, caller) where ended_at is null;
create index submission_ended on submission (tenant, ended_at) where ended_at is not null;
create index submission_callback_due on submission (tenant, callback_next_at)
  where callback_state = 'pending' and ended_at is not null;

-- Finished parts of a batch: artifacts with rows of its result.
create table submission_part (
  tenant text not null,
  submission_id text collate "C" not null,
  ordinal integer not null,
  digest text not null,
  primary key (tenant, submission_id, ordinal),
  foreign key (tenant, submission_id) references submission on delete cascade
);
