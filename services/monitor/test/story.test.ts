import { follow, type RawMessage } from '@perennial/bus';
import { eventFilter, events, ReviewVerdict } from '@perennial/contracts';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { House } from './house.js';
import { answerOf, champion, outcomeOf, yaml } from './stories.js';

/** Three stories one after the other; other packages' servers may run beside them. */
const longTestMs = 120_000;

let house: House;
beforeAll(async () => {
  house = await House.open();
});
afterAll(() => house?.close());

async function play(name: string, { repeated = 1, restarts = [] as number[] } = {}) {
  const system = await house.apply(yaml(name));
  await champion(house, system);
  for (let day = 0; day < 34; day++) {
    if (restarts.includes(day)) await house.restart();
    for (let time = 0; time < repeated; time++) {
      await house.ask(system, { day, answer: answerOf(day) });
      await house.segment(
        system,
        'labels',
        [{ day, temp: 10 }],
        `0190-${name}-${String(day).padStart(3, '0')}`,
      );
      await house.settled();
    }
  }
  return outcomeOf(house, name);
}

test('quality by month and answer, a report each window, a review when it has decayed; told once each', async () => {
  const told: RawMessage[] = [];
  const stop = new AbortController();
  for (const event of [events.reviewConcluded, events.driftReportRecorded]) {
    follow(house.bus, {
      stream: event.stream,
      filter: eventFilter(event),
      from: 'new',
      onMessage: (message) => {
        told.push(message);
      },
      signal: stop.signal,
    });
  }
  const outcome = await play('plain');
  expect(outcome.quality).toEqual([
    { month: '2012-04', answer: 'served', rows: 30, value: (12 * 1 + 18 * 3) / 30 },
    { month: '2012-04', answer: 'version:1', rows: 30, value: (12 * 1 + 18 * 3) / 30 },
    { month: '2012-04', answer: 'version:9', rows: 30, value: 10 },
    { month: '2012-05', answer: 'served', rows: 4, value: 3 },
    { month: '2012-05', answer: 'version:1', rows: 4, value: 3 },
    { month: '2012-05', answer: 'version:9', rows: 4, value: 10 },
  ]);
  expect(outcome.counts).toEqual({ predictions: 34n, failed: 0n, labelled: 34n });
  expect(outcome.reviews.map(({ day }) => day).sort((a, b) => a - b)[0]).toBe(14);
  expect(outcome.reviews.at(-1)).toMatchObject({
    verdict: ReviewVerdict.WORLD_CHANGED,
    evidence: [
      expect.stringMatching(
        /^mae over the 10 labelled rows of 2012-04-06 to 2012-04-15 is 1\.6, 60 % worse than 1/,
      ),
      expect.anything(),
      expect.stringMatching(/no rows of source are held back/),
    ],
  });
  const days = outcome.reports.map(([, to]) => to);
  expect(days).toEqual([...days].sort((a, b) => Number(b) - Number(a)));
  expect(days).toEqual(expect.arrayContaining([9, 19, 29]));
  await waitFor(
    'every report and review on the bus',
    () => told.length === outcome.reports.length + outcome.reviews.length,
  );
  stop.abort();
  expect(new Set(told.map((message) => message.subject)).size).toBe(told.length);
});

test(
  'the same events delivered twice change nothing, and neither do restarts',
  async () => {
    const once = await play('once');
    expect(await play('twice', { repeated: 2 })).toEqual(once);
    expect(await play('restarted', { restarts: [5, 13, 14] })).toEqual(once);
  },
  longTestMs,
);

test(
  'labels first, then predictions, the promotion last: the same comes out',
  async () => {
    const inOrder = await play('in-order');
    const system = await house.apply(yaml('upside-down'));
    for (let day = 33; day >= 0; day--) await house.segment(system, 'labels', [{ day, temp: 10 }]);
    await house.settled();
    for (let day = 33; day >= 0; day--) await house.ask(system, { day, answer: answerOf(day) });
    await house.settled();
    await house.deploy(system, 1, 1);
    await house.settled();
    await house.promote(system, 1, 1);
    expect(await outcomeOf(house, 'upside-down')).toEqual(inOrder);
  },
  longTestMs,
);
