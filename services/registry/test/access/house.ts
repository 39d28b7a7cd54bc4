import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ApiKeyUpdatedSchema } from '@perennial/contracts';
import { migrate, openDatabase, transact } from '@perennial/db';
import { systemClock } from '@perennial/kernel';
import type { RpcService } from '@perennial/service';
import { postgresForTests } from '@perennial/testkit';
import { accessService } from '../../src/access/service.js';
import type { AccessDb } from '../../src/access/tables.js';

type Told = MessageInitShape<typeof ApiKeyUpdatedSchema>;

/** The registry's keeping of API keys on a database of its own; `tell` hears every change, as the bus does. */
export async function openAccessHouse(
  tell: (told: Told) => Promise<void>,
): Promise<{ service: RpcService; close(): Promise<void> }> {
  const forTests = await (await postgresForTests()).createDatabase();
  const database = await openDatabase({ url: forTests.url, schema: 'registry', maxConnections: 4 });
  await migrate(database, new URL('../../migrations/', import.meta.url));
  return {
    service: accessService({
      db: database.db as AccessDb,
      tenant: 'default',
      clock: systemClock,
      transact: async (work) => {
        const told: Told[] = [];
        const result = await transact(database.db, (tx) =>
          work(tx as AccessDb, async (_event, _id, body) => void told.push(body as Told)),
        );
        for (const one of told) await tell(one);
        return result;
      },
    }),
    close: async () => {
      await database.close();
      await forTests.drop();
    },
  };
}
