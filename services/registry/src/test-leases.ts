import { assert } from '@perennial/kernel';
import type { Selectable } from 'kysely';
import { modelOf, type SystemState } from './decide/state.js';
import type { Db } from './store.js';
import type { ModelTestTable } from './tables.js';

export type ModelTest = Selectable<ModelTestTable>;

/** Candidates to be tried in the inference service: rows that are leased, and fenced by their epoch. */
export class TestLeases {
  readonly #db: Db;
  readonly #tenant: string;

  constructor(db: Db, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  async add(state: SystemState, rolloutId: string, version: number, now: number): Promise<void> {
    const model = modelOf(state, version);
    assert(model, `version ${version} of ${state.system} is registered before it is tested`);
    await this.#db
      .insertInto('model_test')
      .values({
        tenant: this.#tenant,
        rollout_id: rolloutId,
        system: state.system,
        version,
        digest: model.digest,
        manifest_digest: model.manifestDigest,
        next_at: new Date(now),
        leased_until: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async drop(rolloutId: string): Promise<void> {
    await this.#db
      .deleteFrom('model_test')
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rolloutId)
      .execute();
  }

  /**
   * Takes a test that is due and leased by nobody; its epoch fences off whoever had it before. `=` and not `in`: the
   * planner may evaluate a limited subquery of `in` more than once, and would then pass over rows that are due.
   */
  async lease(now: number, leaseMs: number): Promise<ModelTest | undefined> {
    return this.#db
      .updateTable('model_test')
      .set((set) => ({ epoch: set('epoch', '+', 1), leased_until: new Date(now + leaseMs) }))
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', (query) =>
        query
          .selectFrom('model_test')
          .select('rollout_id')
          .where('tenant', '=', this.#tenant)
          .where('next_at', '<=', new Date(now))
          .where((or) => or.or([or('leased_until', 'is', null), or('leased_until', '<', new Date(now))]))
          .orderBy('next_at')
          .limit(1)
          .forUpdate()
          .skipLocked(),
      )
      .returningAll()
      .executeTakeFirst();
  }

  /** True while the lease is still ours; the row stays locked until the transaction ends. */
  async holds({ rollout_id, epoch }: ModelTest): Promise<boolean> {
    const row = await this.#db
      .selectFrom('model_test')
      .select('epoch')
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rollout_id)
      .where('epoch', '=', epoch)
      .forUpdate()
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Keeps a lease; changes nothing where it is no longer ours. */
  async renew({ rollout_id, epoch }: ModelTest, until: number): Promise<void> {
    await this.#db
      .updateTable('model_test')
      .set({ leased_until: new Date(until) })
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rollout_id)
      .where('epoch', '=', epoch)
      .execute();
  }

  /** Gives a test back, to be tried again at `nextAt`; changes nothing where the lease is no longer ours. */
  async postpone({ rollout_id, epoch, attempt }: ModelTest, nextAt: number): Promise<void> {
    await this.#db
      .updateTable('model_test')
      .set({ leased_until: null, next_at: new Date(nextAt), attempt: attempt + 1 })
      .where('tenant', '=', this.#tenant)
      .where('rollout_id', '=', rollout_id)
      .where('epoch', '=', epoch)
      .execute();
  }
}
