import type { Kysely, Selectable, Transaction } from 'kysely';

interface ApiKeyTable {
  tenant: string;
  key_id: string;
  epoch: number;
  name: string;
  role: string;
  systems: string[] | null;
  sources: string[] | null;
  requests_per_second: number;
  burst: number;
  rows_per_day: string | number;
  requests_at_once: number;
  sha256: string;
  former_sha256: string | null;
  grace_until: Date | null;
  created_at: Date;
  created_by: string;
  expires_at: Date;
  rotated_at: Date | null;
  revoked_at: Date | null;
}

interface AccessTables {
  api_key: ApiKeyTable;
}

/** Beside the registry's other tables; see `migrations/0006_access.sql`. */
export type AccessDb = Kysely<AccessTables> | Transaction<AccessTables>;
export type ApiKeyRow = Selectable<ApiKeyTable>;
