import type { ApiKey } from './api-key.js';
import type { AccessDb, ApiKeyRow } from './tables.js';

/** API keys of one tenant. The only SQL of this table. */
export class ApiKeys {
  readonly #db: AccessDb;
  readonly #tenant: string;

  constructor(db: AccessDb, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** Locked until the transaction ends. */
  async load(keyId: string): Promise<ApiKey | undefined> {
    const row = await this.#db
      .selectFrom('api_key')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('key_id', '=', keyId)
      .forUpdate()
      .executeTakeFirst();
    return row && keyFrom(row);
  }

  async all(): Promise<ApiKey[]> {
    const rows = await this.#db
      .selectFrom('api_key')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .orderBy('created_at', 'desc')
      .orderBy('key_id')
      .execute();
    return rows.map(keyFrom);
  }

  /** False where the id or the name of a living key is taken. */
  async add(key: ApiKey): Promise<boolean> {
    const added = await this.#db
      .insertInto('api_key')
      .values({ tenant: this.#tenant, key_id: key.keyId, ...columnsOf(key) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return added.numInsertedOrUpdatedRows === 1n;
  }

  async save(key: ApiKey): Promise<void> {
    await this.#db
      .updateTable('api_key')
      .set(columnsOf(key))
      .where('tenant', '=', this.#tenant)
      .where('key_id', '=', key.keyId)
      .execute();
  }
}

function columnsOf(key: ApiKey) {
  return {
    epoch: key.epoch,
    name: key.name,
    role: key.role,
    systems: key.scope ? [...key.scope.systems] : null,
    sources: key.scope ? [...key.scope.sources] : null,
    requests_per_second: key.limits.requestsPerSecond,
    burst: key.limits.burst,
    rows_per_day: key.limits.rowsPerDay,
    requests_at_once: key.limits.requestsAtOnce,
    sha256: key.sha256,
    former_sha256: key.former?.sha256 ?? null,
    grace_until: dateOf(key.former?.until),
    created_at: new Date(key.createdAt),
    created_by: key.createdBy,
    expires_at: new Date(key.expiresAt),
    rotated_at: dateOf(key.rotatedAt),
    revoked_at: dateOf(key.revokedAt),
  };
}

function keyFrom(row: ApiKeyRow): ApiKey {
  const { former_sha256: former, grace_until: until } = row;
  return {
    keyId: row.key_id,
    epoch: row.epoch,
    name: row.name,
    role: row.role,
    scope: row.systems === null ? undefined : { systems: row.systems, sources: row.sources ?? [] },
    limits: {
      requestsPerSecond: row.requests_per_second,
      burst: row.burst,
      rowsPerDay: Number(row.rows_per_day),
      requestsAtOnce: row.requests_at_once,
    },
    sha256: row.sha256,
    former: former !== null && until !== null ? { sha256: former, until: until.getTime() } : undefined,
    createdAt: row.created_at.getTime(),
    createdBy: row.created_by,
    expiresAt: row.expires_at.getTime(),
    rotatedAt: row.rotated_at?.getTime(),
    revokedAt: row.revoked_at?.getTime(),
  };
}

function dateOf(ms: number | undefined): Date | null {
  return ms === undefined ? null : new Date(ms);
}
