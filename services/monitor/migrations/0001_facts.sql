-- What other services said: each fact once, in whatever order they come.
create table system (
  tenant text not null,
  name text not null,
  version integer not null,
  source text not null,
  spec_json text not null,
  primary key (tenant, name)
);
create index system_by_source on system (tenant, source);

-- What a version is compared with: its evaluation at promotion and the profile of its training rows.
create table model_version (
  tenant text not null,
  system text not null,
  version integer not null,
  evaluation_value double precision not null,
  reference jsonb not null,
  primary key (tenant, system, version)
);

-- Who was champion in which epoch of the deployment; a reign is a run of epochs with one champion.
create table champion_epoch (
  tenant text not null,
  system text not null,
  epoch bigint not null,
  version integer not null,
  primary key (tenant, system, epoch)
);

create table rollout (
  tenant text not null,
  rollout_id text not null,
  system text not null,
  review_id text not null default '',
  ended boolean not null default false,
  primary key (tenant, rollout_id)
);
create index rollout_by_system on rollout (tenant, system);

create table held_segment (
  tenant text not null,
  quarantine_id text not null,
  source text not null,
  producer text not null,
  rows integer not null,
  event_time_min timestamptz not null,
  event_time_max timestamptz not null,
  findings jsonb not null,
  primary key (tenant, quarantine_id)
);
create index held_segment_by_time on held_segment (tenant, source, event_time_max);

create table repair (
  tenant text not null,
  repair_id text not null,
  quarantine_id text not null,
  rows integer not null,
  primary key (tenant, repair_id, quarantine_id)
);
create index repair_by_quarantine on repair (tenant, quarantine_id);

-- Verified segments that hold labels (or rows that labels are computed from); a later rank corrects an earlier one.
create table truth_segment (
  tenant text not null,
  source text not null,
  kind text not null,
  rank text collate "C" not null,
  digest text not null,
  event_time_min timestamptz not null,
  event_time_max timestamptz not null,
  primary key (tenant, source, kind, rank)
);
create index truth_segment_by_time on truth_segment (tenant, source, kind, event_time_max);
