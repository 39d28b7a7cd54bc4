import type { ArtifactStore } from '@perennial/artifacts';
import { DatasetService, OperationsService } from '@perennial/contracts';
import type { Frame, RpcService } from '@perennial/service';
import type { Tables } from '@perennial/tables';
import type { settings } from '../config.js';
import type { Operations } from '../garbage/ask-services.js';
import { garbageMethods } from '../garbage/garbage-methods.js';
import { artifactColumns, neededSegments } from '../garbage/needed-segments.js';
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
  const service: RpcService = {
    service: DatasetService,
    implementation: {
      ...datasetMethods({ ...means, versions }),
      ...garbageMethods(garbage, garbageGraceSeconds),
    },
  };
  return {
    handlers: [segmentVerified({ tenant, artifacts, tables: lane, cameIn: versions.cameIn })],
    services: [service],
    artifactColumns,
    neededArtifacts: async () => ({ digests: await neededSegments(db, { keptDays, now: clock.now() }) }),
    // What a killed process left.
    start: () => versions.cameIn(),
    stop: async () => {
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
