import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import type { Digest } from '@perennial/kernel';
import { type Frame, makeWorkFolder, type Parts, type ServiceOptions } from '@perennial/service';
import { openTables } from '@perennial/tables';
import { settings } from './config.js';
import { openDatasets } from './datasets/open-datasets.js';
import { arrivals } from './handlers/arrivals.js';
import { systemApplied } from './handlers/system-applied.js';
import { Admission } from './publish/admission.js';
import type { ProducerSettings, RpcContext } from './rpc/context.js';
import { ingestService } from './rpc/ingest-service.js';
import { countTakeable, type Store } from './store.js';
import { Waiting } from './waiting.js';

/** One file at a time is converted; a second one waits for the lane. */
const memoryLimitBytes = 384 * 1024 * 1024;
/** Bodies that are turned into segments at the same time; each may hold 32 MiB of text as rows. */
const cutsAtOnce = 2;
/** As long as the largest file may take, for those that are here already. */
const cutWaitMs = 3_600_000;

/** The service as it is started, by its own process or by a test. */
export const ingest: ServiceOptions<typeof settings> = {
  name: 'ingest',
  settings,
  migrations: new URL('../migrations/', import.meta.url),
  build,
};

async function build(frame: Frame<typeof settings>): Promise<Parts> {
  const { tenant, clock, log, bus } = frame;
  const db = frame.database.db as unknown as Store;
  const artifacts = await openArtifacts(artifactSettings());
  const work = await makeWorkFolder(frame.name);
  const workDir = work.path;
  const tables = await openTables({ memoryLimitBytes, tempDir: workDir });
  const fileTables = await tables.lane();
  const datasets = await openDatasets(frame, { artifacts, tables, workDir });
  const waiting = new Waiting({ bus, db, tenant, log });
  const { waitingMessagesMax, fileBytesMax } = frame.settings;
  const arriving = { tenant, clock, log, db, artifacts, tables, workDir, waitingMessagesMax };
  const context: RpcContext = {
    tenant,
    clock,
    db,
    means: { artifacts, tables: fileTables, workDir },
    fileBytesMax,
    bodies: new Admission({
      atOnce: frame.settings.bodiesAtOnceMax,
      waiting: frame.settings.bodiesWaitingMax,
      ofOne: frame.settings.bodiesOfProducerMax,
      waitMs: frame.settings.bodyWaitMs,
    }),
    cuts: new Admission({ atOnce: cutsAtOnce, waiting: Infinity, ofOne: Infinity, waitMs: cutWaitMs }),
    lookForWaiting: () => waiting.look(),
    producerCredentials: producerSettings(frame.settings),
    transact: (work) => frame.transact((tx, emitFor) => work(tx as unknown as Store, emitFor())),
  };
  return {
    handlers: [
      arrivals('rows', arriving),
      arrivals('labels', arriving),
      systemApplied(tenant, () => waiting.look()),
      ...datasets.handlers,
    ],
    services: [ingestService(context), ...datasets.services],
    // The names of many files that became one, or were rewritten, are the only ones that may be large.
    putArtifact: (bytes) => artifacts.put(bytes),
    getArtifact: (digest) => artifacts.get(digest as Digest),
    artifactColumns: datasets.artifactColumns,
    neededArtifacts: datasets.neededArtifacts,
    keptByErasure: datasets.keptByErasure,
    erase: datasets.erase,
    progress: async () => ({
      work: [{ kind: 'messages whose source is known by now', count: await countTakeable(db, tenant) }],
    }),
    start: async () => {
      waiting.start();
      await datasets.start();
    },
    stop: async () => {
      await waiting.stop();
      await datasets.stop();
      await fileTables.close();
      await tables.close();
      await work.remove();
    },
  };
}

function producerSettings({
  natsPublicUrl,
  producerSigningSeedFile,
  producerAccount,
}: Frame<typeof settings>['settings']): ProducerSettings | undefined {
  if (natsPublicUrl === undefined || producerSigningSeedFile === undefined) return undefined;
  return { natsUrl: natsPublicUrl, signingSeedFile: producerSigningSeedFile, account: producerAccount };
}
