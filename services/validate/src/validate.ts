import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import type { Frame, Parts, ServiceOptions } from '@perennial/service';
import { openTables } from '@perennial/tables';
import { settings } from './config.js';
import { SegmentFiles } from './effects/segment-files.js';
import { segmentRecorded } from './handlers/segment-recorded.js';
import type { RpcContext } from './rpc/context.js';
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
  const tables = await openTables({ memoryLimitBytes: frame.settings.columnarBytesMax });
  const workDir = await mkdtemp(join(tmpdir(), 'perennial-validate-'));
  const files = new SegmentFiles(artifacts, workDir);
  const context: RpcContext = {
    tenant,
    clock,
    db: frame.database.db as unknown as Store,
    tables,
    files,
    transact: (correlationId, work) =>
      frame.transact((tx, emitFor) => work(tx as unknown as Store, emitFor({ correlationId }))),
  };
  return {
    handlers: [segmentRecorded({ tenant, clock, tables, files })],
    services: [validateService(context)],
    // A message with the findings of very many columns is the only one that may be large.
    putArtifact: (bytes) => artifacts.put(bytes),
    stop: async () => {
      await tables.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}
