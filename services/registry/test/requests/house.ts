import { migrate, openDatabase } from '@perennial/db';
import { systemClock } from '@perennial/kernel';
import type { RpcService } from '@perennial/service';
import { postgresForTests } from '@perennial/testkit';
import { predictionRequestService } from '../../src/requests/service.js';
import type { RequestsDb } from '../../src/requests/tables.js';

/** The registry's keeping of submissions on a database of its own, for those who work them off. */
export async function openRequestsHouse(): Promise<{ service: RpcService; close(): Promise<void> }> {
  const forTests = await (await postgresForTests()).createDatabase();
  const database = await openDatabase({ url: forTests.url, schema: 'registry', maxConnections: 4 });
  await migrate(database, new URL('../../migrations/', import.meta.url));
  return {
    service: predictionRequestService({
      db: database.db as RequestsDb,
      tenant: 'default',
      clock: systemClock,
    }),
    close: async () => {
      await database.close();
      await forTests.drop();
    },
  };
}
