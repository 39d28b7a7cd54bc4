import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { events, ReviewVerdict, RolloutPhase, SegmentKind } from '@perennial/contracts';
import { uuidv7 } from '@perennial/kernel';
import type { System } from '@perennial/spec';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dayMs, start } from './decide/rows.js';
import { House } from './house.js';
import { champion, dayOf, outcomeOf, yaml } from './stories.js';

let house: House;
beforeAll(async () => {
  house = await House.open();
});
afterAll(() => house?.close());

async function decayed(name: string, before: (system: System) => Promise<void>, onDecay = 'retrain') {
  const system = await house.apply(yaml(name, name, onDecay));
  await champion(house, system);
  await before(system);
  for (let day = 0; day < 10; day++) await house.ask(system, { day, answer: day % 2 ? 13 : 7 });
  await house.segment(
    system,
    'labels',
    Array.from({ length: 10 }, (_, day) => ({ day, temp: 10 })),
  );
  return { system, ...(await outcomeOf(house, name)) };
}

const quarantine = (system: System) =>
  house.tell(events.segmentQuarantined, `q-${system.name}`, {
    quarantineId: `q-${system.name}`,
    source: system.source.name,
    kind: SegmentKind.ROWS,
    producer: 'garden-station',
    rows: 3,
    eventTimeMin: timestampFromMs(start + 4 * dayMs),
    eventTimeMax: timestampFromMs(start + 6 * dayMs),
    findings: [{ rule: 'unit-change', column: 'warmth', producer: 'garden-station', rows: 3 }],
  });
const repair = (system: System) =>
  house.tell(events.segmentRepaired, `r-${system.name}`, {
    repairId: `r-${system.name}`,
    quarantineId: `q-${system.name}`,
    source: system.source.name,
    rows: 3,
  });

test('held rows in the window are broken data; once repaired they are not, even if the repair is heard first', async () => {
  const broken = await decayed('broken', quarantine);
  expect(broken.reviews[0]).toMatchObject({ verdict: ReviewVerdict.DATA_BROKEN });
  expect(broken.reviews[0]?.evidence?.join()).toMatch(
    /3 rows of source from garden-station .*unit-change in warmth/,
  );
  const mended = await decayed('mended', async (system) => {
    await repair(system);
    await house.settled();
    await quarantine(system);
  });
  expect(mended.reviews[0]).toMatchObject({ verdict: ReviewVerdict.WORLD_CHANGED });
});

test('a rollout in flight is waited for; after it failed the next review comes half a window later', async () => {
  const { system, reviews } = await decayed('rolling', async () => {});
  expect(reviews).toHaveLength(1);
  const { reviews: listed } = await house.client.listReviews({ system: 'rolling' });
  const reviewId = listed[0]?.review?.reviewId ?? '';
  await house.tell(events.rolloutRequested, 'ro-1', { rolloutId: 'ro-1', system: 'rolling', reviewId });
  await house.settled();
  const next = async (day: number) => {
    await house.ask(system, { day, answer: day % 2 ? 13 : 7 });
    await house.segment(system, 'labels', [{ day, temp: 10 }]);
    return (await outcomeOf(house, 'rolling')).reviews.length;
  };
  for (let day = 10; day < 17; day++) expect(await next(day)).toBe(1);
  await house.tell(events.rolloutAdvanced, 'ro-1', {
    rolloutId: 'ro-1',
    system: 'rolling',
    to: RolloutPhase.REJECTED,
  });
  await house.settled();
  expect(await next(17)).toBe(2);
});

test('a new champion starts afresh, and so does an old one that comes back', async () => {
  const { system, reviews } = await decayed('reigns', async () => {});
  expect(reviews).toHaveLength(1);
  await house.promote(system, 2, 3);
  await house.deploy(system, 2, 2);
  await house.deploy(system, 3, 1);
  await house.settled();
  const next = async (day: number) => {
    await house.ask(system, { day, answer: day % 2 ? 13 : 7, version: 1, epoch: 3 });
    await house.segment(system, 'labels', [{ day, temp: 10 }]);
    return (await outcomeOf(house, 'reigns')).reviews.length;
  };
  for (let day = 10; day < 19; day++) expect(await next(day)).toBe(1);
  expect(await next(19)).toBe(2);
});

test('a prediction says by its id which rows it was about, and an unknown one says nothing', async () => {
  const system = await house.apply(yaml('places'));
  const id = uuidv7();
  await house.ask(system, { day: 3, answer: 1, id, key: { station: 'north' } });
  await house.ask(system, { day: 4, answer: 1, id: uuidv7(), status: 'FEATURE_INVALID' });
  await house.settled();
  const { predictions } = await house.client.findPredictions({ predictionIds: [id, uuidv7()] });
  expect(predictions.map((one) => [one.predictionId, one.system])).toEqual([[id, 'places']]);
  expect(predictions[0]?.rows.map(({ eventTime, key }) => [dayOf(eventTime), key])).toEqual([
    [3, { station: 'north' }],
  ]);
  const predictionIds = Array.from({ length: 1_001 }, () => id);
  await expect(house.client.findPredictions({ predictionIds })).rejects.toMatchObject({
    code: 'PREDICTION_IDS_TOO_MANY',
  });
});

test('an unknown system is said to be unknown', async () => {
  await expect(house.client.listReviews({ system: 'nobody' })).rejects.toMatchObject({
    code: 'SYSTEM_NOT_FOUND',
  });
});
