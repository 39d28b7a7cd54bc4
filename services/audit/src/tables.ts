import type { AnyDb } from '@perennial/db';
import type { ColumnType, Kysely } from 'kysely';

/** bigint columns come back as text; they are read with `Number`. */
type BigInteger = ColumnType<string | number, number, number>;

interface LogHeadTable {
  tenant: string;
  origin: string;
  verifier_key: string;
  size: BigInteger;
}

interface SigningKeyTable {
  tenant: string;
  signer_key: string;
}

export interface EntryTable {
  tenant: string;
  entry_index: BigInteger;
  content: Buffer;
  event_id: string;
  event_type: string;
  subject: string;
  service: string;
  causation_id: string;
  correlation_id: string;
  occurred_at: Date;
}

interface TreeNodeTable {
  tenant: string;
  last_leaf: BigInteger;
  level: number;
  hash: Buffer;
}

interface CheckpointTable {
  tenant: string;
  size: BigInteger;
  note: string;
  signed_at: Date;
}

interface MentionTable {
  tenant: string;
  thing: string;
  entry_index: BigInteger;
}

export interface Tables {
  log_head: LogHeadTable;
  signing_key: SigningKeyTable;
  entry: EntryTable;
  tree_node: TreeNodeTable;
  checkpoint: CheckpointTable;
  mention: MentionTable;
}

/** A connection or a transaction on the service's own schema. */
export type Db = Kysely<Tables>;

/** The frame's database serves any tables; these are ours. */
export function ours(db: AnyDb): Db {
  return db as unknown as Db;
}
