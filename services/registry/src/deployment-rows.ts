import { create, fromJson, type JsonValue, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import { type DeploymentUpdated, DeploymentUpdatedSchema } from '@perennial/contracts';
import { assert } from '@perennial/kernel';
import type { Selectable } from 'kysely';
import type { Db } from './store.js';
import type { DeploymentHistoryTable } from './tables.js';

/** When an epoch began: of the process, and of the data, where it has a source with verified rows. */
export interface Since {
  readonly now: number;
  readonly dataTime: number | undefined;
}

/** An epoch of a deployment, as it was told. */
export interface Epoch {
  readonly deployment: DeploymentUpdated;
  readonly since: Date;
  readonly dataTime: Date | undefined;
  /** Undefined until the event has come back from the bus. */
  readonly event: { readonly id: string; readonly sequence: number } | undefined;
}

/** One of the three clocks by which somebody may ask what was live. */
export type Moment =
  | { readonly by: 'since'; readonly at: Date }
  | { readonly by: 'data_time'; readonly at: Date }
  | { readonly by: 'sequence'; readonly at: number };

/** Deployments as they were told: the one that is live, and every epoch before it. */
export class DeploymentRows {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** Follows `before`; nobody else may have written an epoch since that was read. */
  async save(
    deployment: MessageInitShape<typeof DeploymentUpdatedSchema>,
    before: number,
    { now, dataTime }: Since,
  ): Promise<void> {
    const message = create(DeploymentUpdatedSchema, deployment);
    const body = JSON.stringify(toJson(DeploymentUpdatedSchema, message));
    const [name, epoch] = [message.deployment, Number(message.epoch)];
    const written = await this.#db
      .insertInto('deployment')
      .values({ tenant: this.#tenant, name, epoch, body })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'name'])
          .doUpdateSet({ epoch, body })
          .where('deployment.epoch', '=', before),
      )
      .executeTakeFirst();
    assert(written.numInsertedOrUpdatedRows === 1n, `deployment ${name} follows epoch ${before}`);
    await this.#db
      .insertInto('deployment_history')
      .values({
        tenant: this.#tenant,
        name,
        epoch,
        body,
        since: new Date(now),
        data_time: dataTime === undefined ? null : new Date(dataTime),
        event_id: null,
        sequence: null,
      })
      .execute();
  }

  async epochOf(name: string): Promise<number> {
    const row = await this.#db
      .selectFrom('deployment')
      .select('epoch')
      .where('tenant', '=', this.#tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    return Number(row?.epoch ?? 0);
  }

  /** The deployment as it was last told. */
  async current(name: string): Promise<DeploymentUpdated | undefined> {
    const row = await this.#db
      .selectFrom('deployment')
      .select('body')
      .where('tenant', '=', this.#tenant)
      .where('name', '=', name)
      .executeTakeFirst();
    return row && bodyOf(row.body);
  }

  /** Its own event has come back: where it stands in the stream. Also brings epochs from before there was a history. */
  async told(
    deployment: DeploymentUpdated,
    event: { readonly id: string; readonly sequence: number; readonly time: Date },
  ): Promise<void> {
    const columns = { event_id: event.id, sequence: event.sequence };
    await this.#db
      .insertInto('deployment_history')
      .values({
        tenant: this.#tenant,
        name: deployment.deployment,
        epoch: Number(deployment.epoch),
        body: JSON.stringify(toJson(DeploymentUpdatedSchema, deployment)),
        since: event.time,
        data_time: null,
        ...columns,
      })
      .onConflict((conflict) => conflict.columns(['tenant', 'name', 'epoch']).doUpdateSet(columns))
      .execute();
  }

  /** The epoch that was live at a moment: the last one that had begun. Without a moment, the one that is. */
  async liveAt(name: string, moment: Moment | undefined): Promise<Epoch | undefined> {
    const row = await this.#history(name)
      .$if(moment !== undefined, (query) =>
        query.where(moment?.by ?? 'since', '<=', (moment?.at ?? null) as never),
      )
      .orderBy('epoch', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row && epochFrom(row);
  }

  async after(name: string, epoch: bigint): Promise<Epoch | undefined> {
    const row = await this.#history(name)
      .where('epoch', '>', Number(epoch))
      .orderBy('epoch')
      .limit(1)
      .executeTakeFirst();
    return row && epochFrom(row);
  }

  async first(name: string): Promise<Epoch | undefined> {
    const row = await this.#history(name).orderBy('epoch').limit(1).executeTakeFirst();
    return row && epochFrom(row);
  }

  #history(name: string) {
    return this.#db
      .selectFrom('deployment_history')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('name', '=', name);
  }
}

function epochFrom(row: Selectable<DeploymentHistoryTable>): Epoch {
  return {
    deployment: bodyOf(row.body),
    since: row.since,
    dataTime: row.data_time ?? undefined,
    event: row.event_id === null ? undefined : { id: row.event_id, sequence: Number(row.sequence) },
  };
}

/** A message of a newer release may know fields that this one does not. */
function bodyOf(body: unknown): DeploymentUpdated {
  return fromJson(DeploymentUpdatedSchema, body as JsonValue, { ignoreUnknownFields: true });
}
