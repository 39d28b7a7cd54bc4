-- API keys: who may come in, without anything that would let somebody in.
create table api_key (
  tenant text not null,
  key_id text collate "C" not null,
  epoch integer not null,
  name text collate "C" not null,
  role text not null,
  -- Null: everything that the role may. Else what it may touch.
  systems text[],
  sources text[],
  -- 0: no limit.
  requests_per_second double precision not null,
  burst integer not null,
  rows_per_day bigint not null,
  requests_at_once integer not null,
  -- SHA-256 of the key's text, in hexadecimal; the one before a rotation opens the key until grace_until.
  sha256 text not null,
  former_sha256 text,
  grace_until timestamptz,
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz not null,
  rotated_at timestamptz,
  revoked_at timestamptz,
  primary key (tenant, key_id)
);

-- A name is a producer's, a share's and a line's of the audit log: no two living keys have the same.
create unique index api_key_name on api_key (tenant, name) where revoked_at is null;
