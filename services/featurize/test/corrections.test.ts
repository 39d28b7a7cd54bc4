import { uuidv7 } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { House, type Rows } from './house.js';

const yaml = `
apiVersion: perennial/v1
kind: System
name: corrected
source: { name: meters, time: at, key: [] }
label: { column: use, task: regression, arrives: { within: 1d } }
features:
  - { name: load }
  - { name: use_before, from: use, window: { last: 1 }, as: last }
gate: { metric: mae, hold-out: { last: 5 rows } }
monitor: { window: 5 rows, decay: { metric: mae, worse-than: 10% } }
`;

const timeOf = (day: number) => `2024-05-0${day}T00:00:00.000Z`;
const labelOf = (day: number, use: number): Rows => [
  { id: `l/${day}/${use}`, time: timeOf(day), values: { at: timeOf(day), use } },
];

let house: House;
beforeAll(async () => {
  house = await House.open();
  await house.apply(yaml);
  await waitFor('the system', () => house.online('corrected', [{}]).catch(() => undefined));
});
afterAll(() => house?.close());

// The twin of this test in monitor tells the same story and expects the same labels.
it('a repaired label keeps the place of its arrival: above what came before it, below what came after it', async () => {
  const [before, original, after] = [uuidv7(), uuidv7(), uuidv7()];
  const label = (day: number, use: number, recordedEventId: string, repairId = '') =>
    house.segment('meters', 'labels', labelOf(day, use), { recordedEventId, repairId });
  const days = [1, 2, 3, 4, 5];
  const rows = days.map((day) => ({
    id: `r/${day}`,
    time: timeOf(day),
    values: { at: timeOf(day), load: day },
  }));
  await house.verified(
    await house.segment('meters', 'rows', rows),
    // The correction came while the original was held.
    await label(1, 12, after),
    await label(1, 11, original, 'r1'),
    // The original was repaired before its correction came.
    await label(2, 21, original, 'r2'),
    await label(2, 22, after),
    // The original corrects an earlier one, whenever that was let through.
    await label(3, 30, before),
    await label(3, 31, original, 'r3'),
    await label(4, 41, original, 'r4'),
    await label(4, 40, before, 'r5'),
    // A part of the segment was good at once.
    await label(5, 51, original),
  );
  await house.settled('meters', { rows: 5, labels: 9 });
  const exported = await house.exported('corrected');
  expect(exported.map(({ use }) => use)).toEqual([12, 22, 31, 41, 51]);
  const asked = [2, 3, 4, 5, 6].map((day) => ({ at: timeOf(day), load: 0 }));
  const online = await house.online('corrected', asked);
  expect(online.map((features) => features['use_before'])).toEqual([12, 22, 31, 41, 51]);
});
