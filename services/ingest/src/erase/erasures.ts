import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { DatasetService } from '@perennial/contracts';
import type { Implementation } from '@perennial/service';
import { beginErasure, carryThrough, type Erased, findKey, rowsOf } from './erase.js';
import { checkKey } from './key.js';
import type { EraseMeans } from './means.js';
import { type Erasure, type ErasureDb, ErasureStore } from './store.js';

/** Erasures, one after the other: each reads everything there is. */
export class Erasures {
  readonly #means: EraseMeans;
  #running: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(means: EraseMeans) {
    this.#means = means;
  }

  /** Goes on with those that a killed process has left. */
  async resume(): Promise<void> {
    const { db, tenant, log } = this.#means;
    const store = new ErasureStore(db as unknown as ErasureDb, tenant);
    for (const { erasureId } of await store.running()) {
      log.info('an erasure that was cut off goes on', { erasureId });
      void this.#alone(() => carryThrough(this.#means, erasureId)).catch((error) =>
        log.error('an erasure could not be carried through; it goes on at the next start', {
          erasureId,
          error,
        }),
      );
    }
  }

  methods(): Pick<Implementation<typeof DatasetService>, 'eraseKey' | 'listErasures'> {
    const { db, tenant } = this.#means;
    return {
      eraseKey: async ({ column, value, source, dryRun, requestedBy }) => {
        checkKey({ column, value });
        const key = { column, value, source, requestedBy };
        const erased = await this.#alone(async () =>
          dryRun
            ? findKey(this.#means, key)
            : carryThrough(this.#means, await beginErasure(this.#means, key)),
        );
        return answerOf(erased, dryRun);
      },
      listErasures: async () => {
        const all = await new ErasureStore(db as unknown as ErasureDb, tenant).all();
        return { erasures: all.map(shown) };
      },
    };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#running.then(() => {
      if (this.#isStopped) throw new Error('the service is stopping');
      return work();
    });
    this.#running = run.catch(() => {});
    return run;
  }
}

function answerOf({ erasureId, files, places, models }: Erased, dryRun: boolean) {
  const action = dryRun ? 'would be rewritten' : 'rewritten';
  return {
    erasureId,
    dryRun,
    rows: BigInt(rowsOf({ replaced: files })),
    places: [
      ...files.map(({ digest, rows, what }) => ({
        service: 'artifacts',
        what,
        name: digest,
        rows: BigInt(rows),
        action,
      })),
      ...places.map((place) => ({ ...place, rows: BigInt(place.rows) })),
    ],
    models: [...models],
    bytesDeleted: BigInt(dryRun ? 0 : files.reduce((sum, { bytes }) => sum + bytes, 0)),
  };
}

function shown(erasure: Erasure) {
  return {
    erasureId: erasure.erasureId,
    column: erasure.column,
    keyDigest: erasure.keyDigest,
    source: erasure.source,
    requestedBy: erasure.requestedBy,
    status: erasure.doneAt ? 'done' : 'running',
    rows: BigInt(rowsOf(erasure)),
    requestedAt: timestampFromDate(erasure.requestedAt),
    ...(erasure.doneAt && { doneAt: timestampFromDate(erasure.doneAt) }),
  };
}
