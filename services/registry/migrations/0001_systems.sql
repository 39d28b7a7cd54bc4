-- One row for each system: what is in force. The row is locked by everything that decides about the system.
create table system (
  tenant text not null,
  name text not null,
  version integer not null,
  source text not null,
  spec_json text not null,
  spec_digest text not null,
  held_at timestamptz,
  champion integer,
  -- Former champions, the latest last.
  history integer[] not null default '{}',
  -- Versions of standing shadows.
  shadows integer[] not null default '{}',
  -- Verified rows + labels when training was last asked for without a champion.
  first_tried_with bigint not null default 0,
  primary key (tenant, name)
);
create index system_by_source on system (tenant, source);

create table system_version (
  tenant text not null,
  system text not null,
  version integer not null,
  spec_json text not null,
  spec_digest text not null,
  applied_by text not null,
  applied_at timestamptz not null,
  primary key (tenant, system, version)
);

-- Counted from segment.verified, for systems that may be applied later.
create table verified_count (
  tenant text not null,
  source text not null,
  rows bigint not null default 0,
  labels bigint not null default 0,
  primary key (tenant, source)
);
