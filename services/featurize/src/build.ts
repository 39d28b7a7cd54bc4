import type { ArtifactStore } from '@perennial/artifacts';
import type { Digest } from '@perennial/kernel';
import { type Frame, makeWorkFolder, type Parts } from '@perennial/service';
import { openTables } from '@perennial/tables';
import type { settings } from './config.js';
import { datasetMaker } from './datasets/dataset-maker.js';
import { caughtUpWith } from './effects/caught-up.js';
import { eraseValues } from './effects/erase-values.js';
import { seriesFiller } from './effects/fill-series.js';
import { WorkLoop } from './effects/work-loop.js';
import { rolloutRequested } from './handlers/rollout-requested.js';
import { segmentConsumer, segmentVerified } from './handlers/segment-verified.js';
import { systemApplied } from './handlers/system-applied.js';
import { Leases } from './leases.js';
import { seriesKeeper } from './online/keep-series.js';
import { featureService } from './rpc/feature-service.js';
import { Store } from './store.js';
import { Systems } from './systems.js';
import type { Db } from './tables.js';

const msUs = 1_000;

/** Puts the service together. */
export async function build(frame: Frame<typeof settings>, artifacts: ArtifactStore): Promise<Parts> {
  const { tenant, clock, log, settings: set } = frame;
  const db = frame.database.db as Db;
  const work = await makeWorkFolder(frame.name);
  const tables = await openTables({
    threads: set.tablesThreads,
    memoryLimitBytes: set.tablesMemoryBytes,
    tempDir: work.path,
  });
  // Segments are small and many: they do not wait for a training set.
  const segmentTables = await tables.lane();
  const systems = new Systems();
  const onlineSlackUs = set.onlineSlackMs * msUs;
  const shared = { tenant, db, artifacts, onlineSlackUs, workFolder: work.path };
  const loop = new WorkLoop({
    db,
    tenant,
    clock,
    pollMs: set.workPollMs,
    warn: (error, lease) =>
      log.warn(error.message, {
        code: error.code,
        internal: error.internal,
        work: lease?.kind,
        id: lease?.id,
      }),
    workers: [
      seriesFiller({
        ...shared,
        tables,
        transact: (work) => frame.transact((tx) => work(tx as unknown as Db)),
      }),
      datasetMaker({
        ...shared,
        tables,
        clock,
        systems,
        trainingRowsMin: set.trainingRowsMin,
        transact: (work) => frame.transact((tx, emitFor) => work(tx as unknown as Db, emitFor)),
        hasCaughtUp: caughtUpWith(frame.bus, segmentConsumer),
      }),
    ],
  });
  const woken = { tenant, clock, wake: () => loop.wake() };
  return {
    handlers: [
      systemApplied(woken),
      segmentVerified({ ...shared, tables: segmentTables }),
      rolloutRequested(woken),
    ],
    erase: (request) => eraseValues(db, tenant, request),
    getArtifact: (digest) => artifacts.get(digest as Digest),
    services: [
      featureService({
        ...shared,
        systems,
        prepared: async (name, { sql, parameters }) =>
          (await frame.database.pool.query({ name, text: sql, values: [...parameters] })).rows,
        tables: segmentTables,
        trainingRowsMin: set.trainingRowsMin,
        keep: seriesKeeper({
          db,
          ...woken,
          transact: (work) => frame.transact((tx) => work(tx as unknown as Db)),
        }),
      }),
    ],
    progress: () => progressOf(db, tenant),
    start: () => loop.start(),
    stop: async () => {
      await loop.stop();
      await segmentTables.close();
      await tables.close();
      await work.remove();
    },
  };
}

async function progressOf(db: Db, tenant: string) {
  const leases = new Leases(db, tenant);
  const sources = await new Store(db, tenant).sources();
  return {
    work: [
      { kind: 'training sets to be made', count: await leases.count('dataset') },
      { kind: 'windows to be filled', count: await leases.count('series') },
    ],
    watermarks: sources.flatMap(({ source, rows, labels, newestRowUs, newestLabelUs }) => [
      ...watermark(source, newestRowUs, rows),
      ...watermark(`${source}/labels`, newestLabelUs, labels),
    ]),
  };
}

function watermark(source: string, newestUs: number | undefined, rows: number) {
  return newestUs === undefined ? [] : [{ source, eventTime: new Date(newestUs / msUs), rows }];
}
