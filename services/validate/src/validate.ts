import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import { type Frame, makeWorkFolder, type Parts, type ServiceOptions } from '@perennial/service';
import { openTables } from '@perennial/tables';
import { SilenceWatch } from './anomalies/silence.js';
import { settings } from './config.js';
import { eraseFindings } from './effects/erase-findings.js';
import { SegmentFiles } from './effects/segment-files.js';
import { dataErased } from './handlers/data-erased.js';
import { segmentRecorded } from './handlers/segment-recorded.js';
import { segmentVerified } from './handlers/segment-verified.js';
import { segmentsCompacted } from './handlers/segments-compacted.js';
import type { RpcContext } from './rpc/context.js';
import { schemaService } from './rpc/schema-service.js';
import { validateService } from './rpc/validate-service.js';
import type { Store } from './store.js';

/** The service as it is started, by its own process or by a test. */
export const validate: ServiceOptions<typeof settings> = {
  name: 'validate',
  settings,
  migrations: new URL('../migrations/', import.meta.url),
  build,
};

async function build(frame: Frame<typeof settings>): Promise<Parts> {
  const { tenant, clock } = frame;
  const artifacts = await openArtifacts(artifactSettings());
  const work = await makeWorkFolder(frame.name);
  const tables = await openTables({ memoryLimitBytes: frame.settings.columnarBytesMax, tempDir: work.path });
  const files = new SegmentFiles(artifacts, work.path);
  const context: RpcContext = {
    tenant,
    clock,
    db: frame.database.db as unknown as Store,
    tables,
    files,
    transact: (correlationId, work) =>
      frame.transact((tx, emitFor) => work(tx as unknown as Store, emitFor({ correlationId }))),
  };
  const silence = new SilenceWatch(context, frame.settings.freshnessEverySeconds * 1_000, (error) =>
    frame.log.warn('a look for silent sources failed', { error: String(error) }),
  );
  return {
    handlers: [
      segmentRecorded({ tenant, clock, tables, files }),
      segmentsCompacted({ tenant }),
      dataErased({ tenant, tables, files, db: context.db }),
      segmentVerified({ tenant, clock, tables, files, db: context.db }),
    ],
    services: [validateService(context), schemaService(context)],
    // A message with the findings of very many columns is the only one that may be large.
    putArtifact: (bytes) => artifacts.put(bytes),
    erase: (request) => eraseFindings(frame.database.db, { ...request, tenant }),
    start: () => silence.start(),
    stop: async () => {
      await silence.stop();
      await tables.close();
      await work.remove();
    },
  };
}
