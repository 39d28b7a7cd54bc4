-- One log for each tenant. The row is locked by whoever appends, so that indexes have no gaps and no twins.
create table log_head (
  tenant text primary key,
  -- The log's name in its checkpoints; fixed when the log begins.
  origin text not null,
  -- Who may have signed: the public half of the signing key.
  verifier_key text not null,
  -- Entries.
  size bigint not null
);

-- The secret half, where no PERENNIAL_KEY_FILE says that it is kept outside.
create table signing_key (
  tenant text primary key references log_head,
  signer_key text not null
);

create table entry (
  tenant text not null,
  entry_index bigint not null,
  -- What is hashed: the event in CloudEvents JSON, canonical (RFC 8785), UTF-8.
  content bytea not null,
  -- From the content, for searching; Verify compares them with it.
  event_id text not null,
  event_type text not null,
  subject text not null,
  service text not null,
  causation_id text not null,
  correlation_id text not null,
  occurred_at timestamptz not null,
  primary key (tenant, entry_index),
  unique (tenant, event_id)
);
create index entry_by_type on entry (tenant, event_type, entry_index);

-- Every full subtree, leaves included, under the entry that completed it: so appends go to the end of the index.
create table tree_node (
  tenant text not null,
  last_leaf bigint not null,
  level smallint not null,
  hash bytea not null,
  primary key (tenant, last_leaf, level)
);

-- Every checkpoint that was signed, one for each batch of appended entries.
create table checkpoint (
  tenant text not null,
  size bigint not null,
  note text not null,
  signed_at timestamptz not null,
  primary key (tenant, size)
);

-- Which things an event is about, for example "rollout:<id>" or "model:<system>@3". Can be made again from the entries.
create table mention (
  tenant text not null,
  thing text not null,
  entry_index bigint not null,
  primary key (tenant, thing, entry_index)
);
