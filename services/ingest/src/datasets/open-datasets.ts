import type { ArtifactStore } from '@perennial/artifacts';
import { DatasetService, OperationsService, RegistryService } from '@perennial/contracts';
import { type ErasureRequest, type Frame, rpc } from '@perennial/service';
import type { Tables } from '@perennial/tables';
import type { settings } from '../config.js';
import { eraseWaiting } from '../erase/erase-waiting.js';
import { Erasures } from '../erase/erasures.js';
import type { Operations } from '../garbage/ask-services.js';
import { garbageMethods } from '../garbage/garbage-methods.js';
import { artifactColumns, neededSegments } from '../garbage/needed-segments.js';
import type { Store } from '../store.js';
import { openWatch } from '../watch/open-watch.js';
import type { CompactionMeans } from './compact.js';
import { datasetMethods } from './dataset-service.js';
import { segmentVerified } from './segment-verified.js';
import type { DatasetDb } from './tables.js';
import { Versions } from './versions.js';

/** Everything about datasets that the service is made of. */
export async function openDatasets(
  frame: Frame<typeof settings>,
  { artifacts, tables, workDir }: { artifacts: ArtifactStore; tables: Tables; workDir: string },
) {
  const { tenant, clock, log } = frame;
  const { datasetVersionEveryMs: everyMs, compactFilesMin, garbageGraceSeconds } = frame.settings;
  const { rawSegmentsKeptDays: keptDays } = frame.settings;
  const lane = await tables.lane();
  const db = frame.database.db as unknown as DatasetDb;
  const means: CompactionMeans = {
    tenant,
    clock,
    log,
    artifacts,
    tables: lane,
    workDir,
    db,
    transact: (work) => frame.transact((tx, emitFor) => work(tx as unknown as DatasetDb, emitFor())),
  };
  const versions = new Versions(means, { everyMs, compactFilesMin });
  const operations = openOperations(frame);
  const garbage = { clock, log, artifacts, operations: operations.all };
  const eraseTables = await tables.lane();
  const erasures = new Erasures({
    ...means,
    tables: eraseTables,
    bus: frame.bus,
    operations: operations.all,
    registry: () => frame.client(RegistryService, 'registry'),
  });
  const watch = openWatch(frame);
  const service = rpc(DatasetService, {
    ...datasetMethods({ ...means, versions }),
    ...garbageMethods(garbage, garbageGraceSeconds),
    ...erasures.methods(),
    ...watch.methods,
  });
  return {
    handlers: [segmentVerified({ tenant, artifacts, tables: lane, cameIn: versions.cameIn })],
    services: [service],
    artifactColumns,
    neededArtifacts: async () => ({ digests: await neededSegments(db, { keptDays, now: clock.now() }) }),
    // Whether a row was taken must outlive it: else it would come back when it is sent again.
    keptByErasure: ['taken_row', 'erasure_row', 'erasure'],
    erase: (request: ErasureRequest) => eraseWaiting(db as unknown as Store, tenant, request),
    // What a killed process left.
    start: async () => {
      versions.cameIn();
      await erasures.resume();
      watch.start();
    },
    stop: async () => {
      await watch.stop();
      await erasures.stop();
      await eraseTables.close();
      await versions.stop();
      operations.close();
      await lane.close();
    },
  };
}

/** Every service, this one too, by name. */
function openOperations(frame: Frame<typeof settings>): { all: () => Operations; close: () => void } {
  let own: ReturnType<typeof frame.dial<typeof OperationsService>> | undefined;
  return {
    all: () => {
      own ??= frame.dial(OperationsService, frame.grpcAddress, frame.name);
      const others = [...frame.peers.keys()].filter((name) => name !== frame.name);
      return new Map([
        [frame.name, own],
        ...others.map((name) => [name, frame.client(OperationsService, name)] as const),
      ]);
    },
    close: () => own?.close(),
  };
}
