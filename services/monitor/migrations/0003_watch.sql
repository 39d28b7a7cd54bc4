-- One for each reign of a champion; see decide/watch.ts.
create table watch (
  tenant text not null,
  system text not null,
  version integer not null,
  start_epoch bigint not null,
  rows bigint not null,
  last_review_id text,
  last_review_rows bigint,
  last_review_verdict text,
  own_baseline double precision,
  primary key (tenant, system, version, start_epoch)
);

-- As told, in ProtoJSON.
create table drift_report (
  tenant text not null,
  report_id text not null,
  system text not null,
  sequence bigint generated always as identity,
  body jsonb not null,
  primary key (tenant, report_id)
);
create index drift_report_by_system on drift_report (tenant, system, sequence desc);

create table review (
  tenant text not null,
  review_id text not null,
  system text not null,
  sequence bigint generated always as identity,
  body jsonb not null,
  concluded_at timestamptz not null,
  primary key (tenant, review_id)
);
create index review_by_system on review (tenant, system, sequence desc);

create table alert (
  tenant text not null,
  alert_id text not null,
  system text not null,
  kind text not null,
  text text not null,
  raised_at timestamptz not null,
  primary key (tenant, alert_id)
);
