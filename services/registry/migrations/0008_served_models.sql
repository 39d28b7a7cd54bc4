-- What a person declared about who answers (variants, rules, availability); '{}' is the champion alone.
alter table system add column declared jsonb not null default '{}';
-- By the registry's key, over name, version and digest; empty until there is a key.
alter table model_version add column signature text not null default '';

-- A model that somebody brought: no system.yaml, no features, no labels. Its name is no system's.
create table served_model (
  tenant text not null,
  name text not null,
  champion integer,
  shadows integer[] not null default '{}',
  declared jsonb not null default '{}',
  pool text not null,
  -- Canonical JSON of its serving settings.
  serving text not null default '{}',
  retired boolean not null default false,
  primary key (tenant, name)
);

create table served_version (
  tenant text not null,
  name text not null,
  version integer not null,
  digest text not null,
  bytes bigint not null,
  inputs jsonb not null,
  outputs jsonb not null,
  signature text not null,
  registered_by text not null,
  registered_at timestamptz not null,
  primary key (tenant, name, version),
  -- The same bytes again are the same version.
  unique (tenant, name, digest)
);

-- Every epoch there ever was. Written with the deployment itself; event and sequence once the event has come back from
-- the bus, which also brings the epochs from before this table.
create table deployment_history (
  tenant text not null,
  name text not null,
  epoch bigint not null,
  body jsonb not null,
  since timestamptz not null,
  data_time timestamptz,
  event_id text,
  sequence bigint,
  primary key (tenant, name, epoch)
);
create index deployment_history_by_time on deployment_history (tenant, name, since);
