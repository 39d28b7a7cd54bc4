import { randomUUID } from 'node:crypto';
import { events } from '@perennial/contracts';
import { digestOf, PlatformError } from '@perennial/kernel';
import type { ErasureKey } from './key.js';
import type { EraseMeans } from './means.js';
import { type ModelToRetrain, modelsToRetrain } from './models.js';
import { type Asked, erasePass } from './pass.js';
import { type Purged, purgeMessages } from './purge-stream.js';
import { type Erasure, type ErasureDb, ErasureStore, type Place, type ReplacedFile } from './store.js';
import { untilQuiet } from './until-quiet.js';

export interface Erased {
  /** '' in a dry run. */
  readonly erasureId: string;
  readonly files: readonly ReplacedFile[];
  readonly places: readonly Place[];
  readonly models: readonly ModelToRetrain[];
}

/** What derives from a row in hand is written by the second pass at the latest; more mean that rows keep coming. */
const passesMax = 6;

/** What holds the key and would be rewritten or deleted. */
export async function findKey(means: EraseMeans, key: ErasureKey & { source: string }): Promise<Erased> {
  const passed = await erasePass(means, { ...key, erasureId: undefined });
  const messages = await purgeMessages(means.bus, { ...key, key, tenant: means.tenant, isDryRun: true });
  const models = await modelsToRetrain(means, passed.files);
  return {
    erasureId: '',
    files: passed.files,
    places: [...passed.places, ...busPlaces(messages, true)],
    models,
  };
}

/** Remembers that an erasure was asked for; from then on it is carried through, whatever is killed. */
export async function beginErasure(
  { db, tenant, clock }: EraseMeans,
  { column, value, source, requestedBy }: ErasureKey & { source: string; requestedBy: string },
): Promise<string> {
  const erasureId = randomUUID();
  // The id keeps values that are few, such as numbers of seats, from being found by trying.
  const keyDigest = digestOf(`${erasureId}/${column}=${value}`);
  const requestedAt = new Date(clock.now());
  const store = new ErasureStore(db as unknown as ErasureDb, tenant);
  await store.begin({ erasureId, column, value, source, keyDigest, requestedBy, requestedAt });
  return erasureId;
}

/**
 * Carries an erasure through: pass after pass, until one finds nothing, each when the platform has nothing in hand that
 * was read before. Then it is told, and the value is forgotten.
 */
export async function carryThrough(means: EraseMeans, erasureId: string): Promise<Erased> {
  const { db, tenant, transact, clock } = means;
  const store = new ErasureStore(db as unknown as ErasureDb, tenant);
  const erasure = await store.find(erasureId);
  if (!erasure) throw new Error(`erasure ${erasureId} is not there`);
  if (erasure.value !== undefined) {
    await allPasses(means, store, { ...erasure, value: erasure.value, erasureId });
    const done = (await store.find(erasureId)) ?? erasure;
    await transact(async (tx, emit) => {
      const inTx = new ErasureStore(tx as unknown as ErasureDb, tenant);
      if (!(await inTx.end(erasureId, new Date(clock.now())))) return;
      await emit(events.dataErased, erasureId, {
        erasureId,
        source: done.source,
        column: done.column,
        keyDigest: done.keyDigest,
        rows: BigInt(rowsOf(done)),
        requestedBy: done.requestedBy,
        replaced: done.replaced.map(({ digest, by }) => ({ digest, by })),
      });
    });
  }
  const ended = (await store.find(erasureId)) ?? erasure;
  return {
    erasureId,
    files: ended.replaced,
    places: ended.places,
    models: await modelsToRetrain(means, ended.replaced),
  };
}

async function allPasses(
  means: EraseMeans,
  store: ErasureStore,
  asked: Asked & { erasureId: string },
): Promise<void> {
  for (let pass = 1; pass <= passesMax; pass++) {
    await untilQuiet(means.operations());
    const { source } = asked;
    const messages = await purgeMessages(means.bus, {
      tenant: means.tenant,
      source,
      key: asked,
      isDryRun: false,
    });
    await store.add(asked.erasureId, { places: busPlaces(messages, false) });
    const { files, places } = await erasePass(means, asked);
    if (files.length === 0 && places.length === 0 && messages.ROWS + messages.PREDICTION === 0) return;
  }
  throw new PlatformError(
    'ERASURE_UNFINISHED',
    'us',
    'after',
    `rows of this ${asked.column} keep coming: stop whoever sends them; the erasure goes on when ingest starts, or ask again`,
  );
}

/** Rows of segments that are gone: what derives from them are copies. */
export function rowsOf({ replaced }: Pick<Erasure, 'replaced'>): number {
  return replaced.reduce((sum, { rows, what }) => sum + (what === 'segment' ? rows : 0), 0);
}

function busPlaces(messages: Purged, isDryRun: boolean): Place[] {
  const action = isDryRun ? 'would be deleted' : 'deleted';
  return Object.entries(messages).flatMap(([name, rows]) =>
    rows > 0 ? [{ service: 'bus', what: 'messages', name, rows, action }] : [],
  );
}
