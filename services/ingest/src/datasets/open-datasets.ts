import type { ArtifactStore } from '@perennial/artifacts';
import type { Frame } from '@perennial/service';
import type { Tables } from '@perennial/tables';
import type { settings } from '../config.js';
import type { CompactionMeans } from './compact.js';
import { datasetService } from './dataset-service.js';
import { segmentVerified } from './segment-verified.js';
import type { DatasetDb } from './tables.js';
import { Versions } from './versions.js';

/** Everything about datasets that the service is made of. */
export async function openDatasets(
  frame: Frame<typeof settings>,
  { artifacts, tables, workDir }: { artifacts: ArtifactStore; tables: Tables; workDir: string },
) {
  const { tenant, clock, log } = frame;
  const { datasetVersionEveryMs: everyMs, compactFilesMin } = frame.settings;
  const lane = await tables.lane();
  const means: CompactionMeans = {
    tenant,
    clock,
    log,
    artifacts,
    tables: lane,
    workDir,
    db: frame.database.db as unknown as DatasetDb,
    transact: (work) => frame.transact((tx, emitFor) => work(tx as unknown as DatasetDb, emitFor())),
  };
  const versions = new Versions(means, { everyMs, compactFilesMin });
  return {
    handlers: [segmentVerified({ tenant, artifacts, tables: lane, cameIn: versions.cameIn })],
    services: [datasetService({ ...means, versions })],
    // What a killed process left.
    start: () => versions.cameIn(),
    stop: async () => {
      await versions.stop();
      await lane.close();
    },
  };
}
