import { expect, test } from 'vitest';
import { Gather, withinDeadline } from '../../src/effects/gather.js';

interface Open {
  readonly asks: readonly number[];
  readonly answer: () => void;
}

/** A gather that doubles numbers when it is told to, and what it called. */
function doubling({ sizeMax = 10, patienceMs = 60_000 } = {}) {
  const calls: Open[] = [];
  const gather = new Gather<number, number>({
    sizeOf: (ask) => ask,
    sizeMax,
    patienceMs,
    call: (asks) =>
      new Promise((resolve) => {
        const answer = () =>
          resolve(asks.map((ask) => (ask > 0 ? { answer: ask * 2 } : { error: new Error(`not ${ask}`) })));
        calls.push({ asks, answer });
      }),
  });
  return { gather, calls };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what comes while a call is under way leaves together when it is back, each with its own answer', async () => {
  const { gather, calls } = doubling();
  const first = gather.ask(1);
  await turn();
  const others = [gather.ask(2), gather.ask(3)];
  await turn();
  expect(calls.map(({ asks }) => asks)).toEqual([[1]]);
  calls[0]?.answer();
  expect(await first).toBe(2);
  await turn();
  expect(calls.map(({ asks }) => asks)).toEqual([[1], [2, 3]]);
  calls[1]?.answer();
  expect(await Promise.all(others)).toEqual([4, 6]);
  expect(gather.isIdle).toBe(true);
});

test('an error of one is its own', async () => {
  const { gather, calls } = doubling();
  const both = Promise.allSettled([gather.ask(0), gather.ask(4)]);
  await turn();
  calls[0]?.answer();
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
});

test('a call takes no more than its size, and what is larger goes alone', async () => {
  const { gather, calls } = doubling({ sizeMax: 5 });
  const all = [6, 2, 3, 1].map((ask) => gather.ask(ask));
  for (let at = 0; at < 3; at++) {
    await turn();
    calls[at]?.answer();
    await turn();
  }
  expect(await Promise.all(all)).toEqual([12, 4, 6, 2]);
  expect(calls.map(({ asks }) => asks)).toEqual([[6], [2, 3], [1]]);
});

test('a call that something is in the way of keeps nobody waiting for long', async () => {
  const { gather, calls } = doubling({ patienceMs: 1 });
  const stuck = gather.ask(1);
  await turn();
  const next = gather.ask(2);
  while (calls.length < 2) await turn();
  calls[1]?.answer();
  expect(await next).toBe(4);
  calls[0]?.answer();
  expect(await stuck).toBe(2);
});

test('work that is not done at its deadline is given up', async () => {
  const late = () => new Error('late');
  await expect(withinDeadline(new Promise(() => {}), performance.now(), late)).rejects.toThrow('late');
  expect(await withinDeadline(Promise.resolve(1), performance.now() + 60_000, late)).toBe(1);
});
