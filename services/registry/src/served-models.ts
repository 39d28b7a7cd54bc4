import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { type FeatureInput, FeatureInputSchema, ModelGraphSchema } from '@perennial/contracts';
import { servingFromJson } from '@perennial/spec';
import { type Selectable, sql } from 'kysely';
import type { ServedModel, ServedVersion } from './decide/served-model.js';
import { DeploymentRows } from './deployment-rows.js';
import { declaredFrom } from './rows.js';
import { serveSettings } from './serve-settings.js';
import type { Db } from './store.js';
import type { ServedVersionTable } from './tables.js';

/** Models that were brought by themselves, for one tenant. */
export class ServedModels {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /**
   * Everything that makes or changes what has this name happens one after the other, until the transaction ends: a
   * system and a model that were made at once would share it otherwise.
   */
  async lockName(name: string): Promise<void> {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`${this.#tenant}/model/${name}`}, 0))`.execute(
      this.#db,
    );
  }

  async names(): Promise<string[]> {
    const rows = await this.#db
      .selectFrom('served_model')
      .select('name')
      .where('tenant', '=', this.#tenant)
      .orderBy('name')
      .execute();
    return rows.map(({ name }) => name);
  }

  async load(name: string): Promise<ServedModel | undefined> {
    const row = await this.#db
      .selectFrom('served_model')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    if (!row) return undefined;
    const versions = await this.#db
      .selectFrom('served_version')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('name', '=', name)
      .orderBy('version')
      .execute();
    return {
      name,
      champion: row.champion ?? undefined,
      history: row.history,
      versions: versions.map(versionFrom),
      shadows: row.shadows,
      declared: declaredFrom(row.declared),
      pool: row.pool,
      servingJson: row.serving,
      serve: serveSettings(servingFromJson(row.serving)),
      retired: row.retired,
      epoch: await new DeploymentRows(this.#db, this.#tenant).epochOf(name),
    };
  }

  /** Writes what a decision changed. `before` is what was loaded under the lock, or nothing. */
  async save(before: ServedModel | undefined, after: ServedModel): Promise<void> {
    const columns = {
      champion: after.champion ?? null,
      history: [...after.history],
      shadows: [...after.shadows],
      declared: JSON.stringify(after.declared),
      pool: after.pool,
      serving: after.servingJson,
      retired: after.retired,
    };
    await this.#db
      .insertInto('served_model')
      .values({ tenant: this.#tenant, name: after.name, ...columns })
      .onConflict((conflict) => conflict.columns(['tenant', 'name']).doUpdateSet(columns))
      .execute();
    for (const version of after.versions) {
      const known = before?.versions.find((one) => one.version === version.version);
      if (known?.signature === version.signature) continue;
      await this.#db
        .insertInto('served_version')
        .values(this.#row(after.name, version))
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'name', 'version']).doUpdateSet({ signature: version.signature }),
        )
        .execute();
    }
  }

  #row(name: string, version: ServedVersion) {
    return {
      tenant: this.#tenant,
      name,
      version: version.version,
      digest: version.digest,
      bytes: version.bytes,
      inputs: endsJson(version.inputs),
      outputs: endsJson(version.outputs),
      graph: version.graph ? JSON.stringify(toJson(ModelGraphSchema, version.graph)) : null,
      signature: version.signature,
      registered_by: version.registeredBy,
      registered_at: new Date(version.registeredAt),
    };
  }
}

function versionFrom(row: Selectable<ServedVersionTable>): ServedVersion {
  return {
    version: row.version,
    digest: row.digest,
    bytes: Number(row.bytes),
    inputs: endsFrom(row.inputs),
    outputs: endsFrom(row.outputs),
    graph: row.graph === null ? undefined : fromJson(ModelGraphSchema, row.graph as JsonValue),
    signature: row.signature,
    registeredBy: row.registered_by,
    registeredAt: row.registered_at.getTime(),
  };
}

function endsFrom(value: unknown): FeatureInput[] {
  return (value as JsonValue[]).map((end) => fromJson(FeatureInputSchema, end));
}

function endsJson(ends: readonly FeatureInput[]): string {
  return JSON.stringify(ends.map((end) => toJson(FeatureInputSchema, end)));
}
