import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { handler } from '@perennial/bus';
import { events, OperationsService } from '@perennial/contracts';
import { uuidv7 } from '@perennial/kernel';
import {
  type DatabaseForTests,
  freePort,
  type NatsForTests,
  postgresForTests,
  startNats,
  tempDir,
  waitFor,
} from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healthDescriptor } from '../src/grpc/health.js';
import { createClient, type Frame, type RunningService, startService, z } from '../src/mod.js';

let nats: NatsForTests;
let database: DatabaseForTests;
let env: NodeJS.ProcessEnv;
const migrations = path.join(tempDir('migrations'), 'service', 'migrations');

beforeAll(async () => {
  mkdirSync(migrations, { recursive: true });
  writeFileSync(path.join(migrations, '0001_seen.sql'), 'create table seen (event_id text primary key);');
  [nats, database] = await Promise.all([
    startNats(),
    postgresForTests().then((postgres) => postgres.createDatabase()),
  ]);
  env = { NATS_URL: nats.url, DATABASE_URL: database.url, LOG_LEVEL: 'debug' };
});
afterAll(async () => {
  await Promise.all([nats?.stop(), database?.drop()]);
});

const settings = { greeting: z.string().default('hello') };

/** A service that hears its own events and writes them down. */
async function start(
  given: NodeJS.ProcessEnv = {},
  onFrame: (frame: Frame<typeof settings>) => void = () => {},
) {
  const lines: string[] = [];
  const running = await startService(
    {
      name: 'recorder',
      settings,
      migrations: pathToFileURL(`${migrations}/`),
      build: (frame) => {
        onFrame(frame);
        return {
          handlers: [
            handler({
              consumer: 'recorder-alert-raised',
              event: events.alertRaised,
              pace: 'fast',
              handle: async ({ event, tx }) => {
                await tx.insertInto('seen').values({ event_id: event.id }).execute();
              },
            }),
          ],
          progress: () => ({
            work: [{ kind: 'letters', count: 2 }],
            watermarks: [{ source: 'weather', eventTime: new Date('2012-04-01'), rows: 91 }],
          }),
        };
      },
    },
    { env: { ...env, ...given }, onLog: (line) => lines.push(line) },
  );
  return { running, lines };
}

const ask = (service: RunningService, where: string) => fetch(`http://${service.opsAddress}${where}`);

describe('a service', () => {
  test('migrates, serves, tells and hears, says where it stands, and stops without losing any of it', async () => {
    let frame: Frame<typeof settings> | undefined;
    const { running, lines } = await start({ PERENNIAL_GREETING: 'salve' }, (given) => {
      frame = given;
    });
    expect(frame?.settings).toEqual({ greeting: 'salve' });
    expect((await ask(running, '/healthz')).status).toBe(200);
    await waitFor('readiness', async () => (await ask(running, '/readyz')).status === 200);

    const eventIds = await frame?.transact(async (_tx, emitFor) => {
      const emit = emitFor({ correlationId: uuidv7() });
      await emit(events.alertRaised, 'weather', { alertId: 'a', text: 'look' });
      return 1;
    });
    expect(eventIds).toBe(1);
    await waitFor('the event to be handled', async () => {
      const { rows } = (await frame?.database.pool.query('select event_id from seen')) ?? { rows: [] };
      return rows.length === 1;
    });

    const operations = createClient(OperationsService, running.grpcAddress);
    const settled = await waitFor('quiet', async () => {
      const progress = await operations.getProgress({});
      const isQuiet =
        progress.outboxUnpublished === 0 && progress.consumers.every(({ pending }) => pending === 0n);
      return isQuiet && progress;
    });
    expect(settled.consumers).toMatchObject([{ stream: 'MONITOR', consumer: 'recorder-alert-raised' }]);
    expect(settled.work).toMatchObject([{ kind: 'letters', count: 2 }]);
    expect(settled.watermarks).toMatchObject([{ source: 'weather', rows: 91n }]);
    expect((await operations.listDeadLetters({})).deadLetters).toEqual([]);

    const health = createClient(healthDescriptor, running.grpcAddress) as unknown as {
      check(request: object): Promise<{ status: number }>;
      close(): void;
    };
    expect(await health.check({})).toMatchObject({ status: 1 });

    const metrics = await (await ask(running, '/metrics')).text();
    expect(metrics).toMatch(/^perennial_outbox_unpublished 0$/m);
    expect(metrics).toMatch(/perennial_rpc_server_duration_seconds_count\{.*GetProgress.*\} \d+/);
    expect(metrics).toMatch(/^perennial_process_memory_bytes \d+/m);

    operations.close();
    health.close();
    await running.stop();
    await expect(ask(running, '/healthz')).rejects.toThrow();
    const logged = lines.map((line) => JSON.parse(line));
    expect(logged.find(({ message }) => message === 'settings').settings.PERENNIAL_GREETING).toEqual({
      value: 'salve',
      from: 'environment',
    });
    expect(logged.map(({ message }) => message)).toContain('stopped');
  });

  test('waits for a bus that is not there yet, and is not ready while it is away again', async () => {
    const port = await freePort();
    const opsPort = await freePort();
    await nats.kill();
    const starting = start({
      PERENNIAL_OPS_LISTEN: `127.0.0.1:${opsPort}`,
      PERENNIAL_GRPC_LISTEN: `127.0.0.1:${port}`,
    });
    const readiness = () =>
      fetch(`http://127.0.0.1:${opsPort}/readyz`).then(
        async (response) => ({ status: response.status, body: await response.json() }),
        () => undefined,
      );
    const early = await waitFor('the ops server', readiness);
    expect(early).toMatchObject({ status: 503, body: { waitsFor: expect.arrayContaining(['bus']) } });
    await nats.restart();
    const { running } = await starting;
    await waitFor('readiness', async () => (await readiness())?.status === 200);
    await nats.kill();
    const away = await waitFor('the bus to be missed', async () => {
      const answer = await readiness();
      return answer?.status === 503 && answer;
    });
    expect(away.body).toMatchObject({ ready: false, waitsFor: expect.arrayContaining(['bus']) });
    await nats.restart();
    await waitFor('readiness again', async () => (await readiness())?.status === 200);
    await running.stop();
  });

  test('without the servers that it needs says which setting is missing', async () => {
    await expect(start({ DATABASE_URL: '' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      field: 'DATABASE_URL',
    });
  });
});
