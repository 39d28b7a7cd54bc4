import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse({
    PERENNIAL_BODIES_AT_ONCE_MAX: '2',
    PERENNIAL_BODIES_WAITING_MAX: '1',
    PERENNIAL_BODIES_OF_PRODUCER_MAX: '3',
    PERENNIAL_BODY_WAIT_MS: '60000',
  });
  await house.declare('kept');
});
afterAll(() => house?.stop());

const batch = (n: number) =>
  Array.from({ length: 200 }, (_, i) => `{"date":"2024-01-01","id":"${n}-${i}","n":${n}}\n`).join('');

test('whatever is killed in between, every batch that was answered is there, and once', async () => {
  const taken: number[] = [];
  let isOver = false;
  const send = async () => {
    for (let n = 0; !isOver; n++) {
      const answered = await house.publish(batch(n), { source: 'kept', format: 'jsonl' }).then(
        () => true,
        () => false,
      );
      if (answered) taken.push(n);
      else n--;
    }
  };
  const sending = send();
  for (let round = 0; round < 5; round++) {
    const before = taken.length;
    // The next one is on its way by then.
    await waitFor('some batches', async () => taken.length >= before + 3 + round);
    await house.kill();
    await house.start();
  }
  isOver = true;
  await sending;
  await house.settled();
  const again = await house.publish(batch(taken[0] ?? 0), { source: 'kept', format: 'jsonl' });
  expect(again).toMatchObject({ taken: 0, duplicates: 200 });
  const ids = (await house.rows('kept')).map(({ cells }) => cells['id']);
  expect(new Set(ids).size).toBe(ids.length);
  const there = new Set(ids);
  const lost = taken.filter((n) => !there.has(`${n}-0`) || !there.has(`${n}-199`));
  expect(lost).toEqual([]);
  expect(taken.length).toBeGreaterThan(15);
});

/** A body that does not end until it is told to. */
function slowBody(producer: string) {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const answer = house.ingest.publishRows(
    (async function* () {
      const header = { source: 'kept', producer, kind: 1, format: 'jsonl' };
      yield { part: { case: 'header' as const, value: header } };
      yield {
        part: { case: 'chunk' as const, value: Buffer.from(`{"date":"2024-01-01","by":"${producer}"}`) },
      };
      await finished;
    })(),
    { timeoutMs: 60_000 },
  );
  answer.catch(() => {});
  return { answer, finish };
}

/** Which of bodies that do not end is turned away first, and what became of the others when they ended. */
async function crowd(producers: readonly string[]) {
  const open = producers.map(slowBody);
  const error = await Promise.race(
    open.map(({ answer }) =>
      answer.then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    ),
  );
  for (const { finish } of open) finish();
  const ends = await Promise.allSettled(open.map(({ answer }) => answer));
  return { error, done: ends.filter(({ status }) => status === 'fulfilled').length };
}

test('when more is sent than can be taken, who comes last is told to come later, and a place that is free goes to who waits', async () => {
  const { error, done } = await crowd(['a', 'b', 'c', 'd']);
  expect(error).toMatchObject({ code: 'INGEST_BUSY', retry: 'after', retryAfterMs: expect.any(Number) });
  expect(done).toBe(3);
  expect(await house.publish(batch(1_000), { source: 'kept', format: 'jsonl' })).toMatchObject({
    taken: 200,
  });
});

test('one producer cannot take all places', async () => {
  const { error, done } = await crowd(['e', 'e', 'e', 'e']);
  expect(error).toMatchObject({ code: 'PUBLICATIONS_EXHAUSTED', fault: 'caller', retry: 'after' });
  expect(done).toBe(3);
});
