-- What gateway and inference were last told. Only the holder of the former epoch may write the next one.
create table deployment (
  tenant text not null,
  name text not null,
  epoch bigint not null,
  body jsonb not null,
  primary key (tenant, name)
);
