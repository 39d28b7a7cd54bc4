import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Database } from '@perennial/db';
import { waitFor } from '@perennial/testkit';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { count, type House, openHouse, tellAlert } from './house.js';

const program = fileURLToPath(new URL('fixtures/worker.mjs', import.meta.url));

let house: House;
let producer: Database;
const children: ChildProcess[] = [];

beforeAll(async () => {
  house = await openHouse();
  producer = await house.open('producer');
  await house.start(producer, []);
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await house.close();
});

function worker(hangsOn = ''): { child: ChildProcess; said: () => string[] } {
  const child = spawn(process.execPath, [program, house.nats.url, house.url, hangsOn], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { child, said: () => text.split('\n').filter(Boolean) };
}

test('a service that is killed with an event in hand handles it, and all others, once when it is back', async () => {
  const ids = ['a', 'b', 'in-hand', 'c', 'd'];
  for (const id of ids) await tellAlert(producer, id);
  const first = worker('in-hand');
  await waitFor('the event to be in hand', () => first.said().includes('in-hand'));
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  worker();
  const database = await house.open('worker');
  await waitFor('all to be handled', async () => (await count(database, 'inbox')) === ids.length);
  const told = await sql<{ aggregate_id: string }>`
    select aggregate_id from outbox where aggregate = 'drift-report'`.execute(database.db);
  expect(told.rows.map((row) => row.aggregate_id).sort()).toEqual([...ids].sort());
});
