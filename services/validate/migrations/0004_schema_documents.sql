-- What somebody accepted as the schema of a source; empty until then, and the schema follows from verified rows alone.
ALTER TABLE source_knowledge ADD COLUMN accepted jsonb;

-- Versions hold the schema document that was in force, and who accepted it; nobody where verified rows implied it.
ALTER TABLE schema_version ADD COLUMN document jsonb;
ALTER TABLE schema_version ADD COLUMN accepted_by text NOT NULL DEFAULT '';

-- Schemas that wait for somebody to accept them: one of a source at a time is open.
CREATE TABLE schema_proposal (
  proposal_id uuid PRIMARY KEY,
  tenant text NOT NULL,
  source text NOT NULL,
  kind text NOT NULL,
  document jsonb NOT NULL,
  digest text NOT NULL,
  -- The version that it would follow.
  base_version integer NOT NULL,
  -- Verified rows that it was made from.
  rows bigint NOT NULL,
  status text NOT NULL CHECK (status IN ('open', 'accepted', 'superseded')),
  proposed_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX schema_proposal_open ON schema_proposal (tenant, source, kind) WHERE status = 'open';
