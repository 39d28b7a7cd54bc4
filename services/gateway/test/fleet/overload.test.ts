import { create } from '@bufbuild/protobuf';
import { RouteSchema } from '@perennial/contracts';
import type { Tensor } from '@perennial/runtime';
import { waitFor } from '@perennial/testkit';
import { afterEach, expect, test } from 'vitest';
import { Fleet } from '../../src/fleet/fleet.js';
import { callsTo, type Decide, startReplica, stopAll, type TestReplica } from './replicas.js';

const fleets: Fleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
  await stopAll();
});

const route = create(RouteSchema, { version: 1, digest: 'd' });
const model = { name: 'heat', route, pool: '', serve: undefined };
const rows = 32;
const column: Tensor = {
  name: 'x',
  datatype: 'FP64',
  shape: [rows, 1],
  data: Float64Array.from({ length: rows }, (_, at) => at),
};

async function serving(decide: Decide): Promise<{ fleet: Fleet; replica: TestReplica; retries: string[] }> {
  const retries: string[] = [];
  const replica = await startReplica(decide);
  const fleet = new Fleet({
    dial: callsTo,
    events: { onRetry: (why) => retries.push(why), onHedge: () => {}, onEjected: () => {} },
    onConnection: () => {},
    onGone: () => {},
  });
  fleets.push(fleet);
  fleet.configure(replica.address, 'r1');
  await waitFor('the stream', () => fleet.replicas().every(({ state }) => state !== 'away'));
  await fleet.load('heat', route, '', undefined);
  return { fleet, replica, retries };
}

const ask = (fleet: Fleet, withinMs: number) =>
  fleet
    .infer(model, [column], { deadlineAt: performance.now() + withinMs, share: 'desk' })
    .then(() => 'OK')
    .catch(({ code }: { code: string }) => code);

const counts = (codes: readonly string[]) => {
  const found: Record<string, number> = {};
  for (const code of codes) found[code] = (found[code] ?? 0) + 1;
  return found;
};

test('256 connections that ask again as soon as they are answered, 32 rows each, are all answered', async () => {
  const { fleet } = await serving(() => ({ afterMs: 1 }));
  const connection = async () => [
    await ask(fleet, 60_000),
    await ask(fleet, 60_000),
    await ask(fleet, 60_000),
  ];
  const codes = await Promise.all(Array.from({ length: 256 }, connection));
  expect(counts(codes.flat())).toEqual({ OK: 768 });
});

test('what cannot be answered within its deadline is refused as it comes, not when the deadline is over', async () => {
  const { fleet, replica } = await serving(() => ({ afterMs: 50 }));
  await ask(fleet, 60_000);
  const before = replica.heard.length;
  const startedAt = performance.now();
  const settled: { code: string; tookMs: number }[] = [];
  const all = Array.from({ length: 400 }, () =>
    ask(fleet, 1_000).then((code) => settled.push({ code, tookMs: performance.now() - startedAt })),
  );
  // 400 of 32 rows are 50 messages of 50 ms: more than twice what a second allows.
  await waitFor('those who are refused', () => settled.some(({ code }) => code === 'QUEUE_EXHAUSTED'));
  expect(replica.heard.length - before).toBeLessThanOrEqual(2);
  expect(settled.every(({ code }) => code === 'QUEUE_EXHAUSTED')).toBe(true);
  await Promise.all(all);
  const found = counts(settled.map(({ code }) => code));
  expect(found['QUEUE_EXHAUSTED']).toBeGreaterThan(100);
  expect(found['OK']).toBeGreaterThan(0);
});

test('what travelled together and met a full replica is refused together, and not asked again one by one', async () => {
  const full = { error: 'QUEUE_EXHAUSTED', fault: 'dependency', retry: 'after' };
  const { fleet, replica } = await serving(() => full);
  const codes = await Promise.all(Array.from({ length: 8 }, () => ask(fleet, 60_000)));
  expect(counts(codes)).toEqual({ QUEUE_EXHAUSTED: 8 });
  expect(replica.heard.map(({ request }) => Number(request?.inputs[0]?.shape[0]))).toEqual(
    replica.heard.map(() => 8 * rows),
  );
});

test('a caller whose requests could not be answered in time is told so unread, and others are not', async () => {
  let isOver = false;
  const { fleet } = await serving(() => ({ afterMs: isOver ? 0 : 200 }));
  await ask(fleet, 600);
  const all = Array.from({ length: 100 }, () => ask(fleet, 600));
  expect(await all[99]).toBe('QUEUE_EXHAUSTED');
  const refusals = (share: string) =>
    Array.from({ length: 160 }, () => {
      try {
        fleet.checkRoom(model, share);
        return 'read';
      } catch (thrown) {
        return (thrown as { code: string }).code;
      }
    });
  // Some are read all the same: they may allow more.
  expect(counts(refusals('desk'))).toEqual({ QUEUE_EXHAUSTED: 150, read: 10 });
  expect(counts(refusals('somebody else'))).toEqual({ read: 160 });
  isOver = true;
  await Promise.all(all);
  expect(counts(refusals('desk'))).toEqual({ read: 160 });
});
