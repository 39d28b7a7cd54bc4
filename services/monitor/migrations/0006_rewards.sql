-- How likely the served version was to be drawn; 0 where a rule named it, so that its label says nothing about a share.
alter table prediction_row add column propensity double precision not null default 1;

-- Versions that share a system's requests, since which epoch, and how many rewards were last told of.
create table trial (
  tenant text not null,
  system text not null,
  versions integer[] not null,
  -- The newest epoch that was heard of: an older one that comes late changes nothing.
  epoch bigint not null,
  since_epoch bigint not null,
  told_rows bigint not null default 0,
  primary key (tenant, system)
);
