import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { FeatureStatus } from '@perennial/contracts';
import { uuidv7 } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { House, type Row, type Rows } from './house.js';

const system = 'trips';
const yaml = `
apiVersion: perennial/v1
kind: System
name: ${system}
source: { name: rides, time: at, key: [taxi] }
label: { name: long, expr: miles > 5, task: classification }
features:
  - { name: fare }
  - { name: fare_per_mile, expr: fare / (miles + 1) }
  - { name: fare_3h, from: fare, window: 3h, by: [taxi], as: mean }
  - { name: fare_std, from: fare, window: 8h, as: std }
  - { name: last_four, from: fare, window: { last: 4 }, by: [taxi], as: sum }
  - { name: rides_2h, from: fare, window: 2h, by: [zone], as: count }
  - { name: seats, lookup: cars, from: seats, on: [taxi] }
  - { name: owner, lookup: cars, from: owner, on: [taxi], deleted: gone }
gate: { metric: auc, hold-out: { last: 20 rows } }
monitor: { window: 20 rows, decay: { metric: auc, worse-than: 10% } }
`;

const start = Date.parse('2024-05-01T00:00:00Z');
const hourMs = 3_600_000;
const taxis = ['yellow', 'green', 'red "x"', 'blue', 'black'];
const random = generator(20240501);
const timeOf = (ms: number) => new Date(ms).toISOString();

const rides: Rows = Array.from({ length: 240 }, (_, index) => {
  // Ties: some rides begin at the same instant.
  const ms = start + Math.floor(index / 2) * 20 * 60_000 + (index % 3 === 0 ? 7 : 0);
  return {
    id: `r/${String(index).padStart(4, '0')}`,
    time: timeOf(ms),
    values: {
      at: timeOf(ms),
      taxi: taxis[Math.floor(random() * taxis.length)] as string,
      zone: `z${Math.floor(random() * 3)}`,
      fare: index % 11 === 0 ? null : Math.round(random() * 1e6) / 7,
      miles: random() * 10,
    },
  };
});
const cars: Rows = taxis.slice(0, 4).flatMap((taxi, index) =>
  [0, 9, 21].map((hour, version) => ({
    id: `c/${index}/${version}`,
    time: timeOf(start + hour * hourMs),
    values: {
      since: timeOf(start + hour * hourMs),
      taxi,
      seats: 4 + version,
      owner: `o${version}`,
      gone: index === 1 && version === 1,
    },
  })),
);
const newestOf = (taxi: string) =>
  rides.filter(({ values }) => values['taxi'] === taxi).at(-1) as Rows[number];

let house: House;
beforeAll(async () => {
  house = await House.open();
  await house.apply(yaml);
  await waitFor('the system', () => house.online(system, [{}]).catch(() => undefined));
});
afterAll(() => house?.close());

/** Features of each taxi at the instant of its newest ride, online, and the row that was exported offline. */
async function bothWays(): Promise<{ online: unknown[]; offline: unknown[] }> {
  const exported = new Map((await house.exported(system)).map((row) => [row['_p_row_id'], row]));
  const online: unknown[] = [];
  const offline: unknown[] = [];
  for (const taxi of taxis) {
    const newest = newestOf(taxi);
    const answer = await house.features.getFeatures({
      view: system,
      entities: [{ taxi }],
      asOf: timestampFromMs(Date.parse(newest.time)),
    });
    online.push(answer.entities[0]?.features);
    const { _p_row_id, _p_event_time, long: _, ...features } = exported.get(newest.id) ?? {};
    offline.push(features);
  }
  return { online, offline };
}

describe('features of entities by key', () => {
  it('are to the last digit what is computed offline, whatever order segments are told in', async () => {
    const parts = Array.from({ length: 24 }, (_, part) => rides.slice(part * 10, part * 10 + 10));
    const segments = [];
    // One part is held back, and let through at the end with the place of its arrival.
    for (const part of parts)
      segments.push(await house.segment('rides', 'rows', part, { recordedEventId: uuidv7() }));
    const held = segments.splice(11, 1);
    await house.verified(...shuffled(segments), ...shuffled(segments).slice(0, 5));
    await house.verified(await house.segment('cars', 'rows', cars));
    await house.settled('rides', { rows: 230 });
    await house.settled('cars', { rows: cars.length });
    const gap = await bothWays();
    expect(gap.online).toEqual(gap.offline);
    // The first question had the rows kept from then on.
    await house.settled('rides', { rows: 230 });
    expect((await bothWays()).online).toEqual(gap.offline);

    await house.verified(...held);
    await house.settled('rides', { rows: 240 });
    const whole = await bothWays();
    expect(whole.online).toEqual(whole.offline);
  });

  it('see a gap that was closed late in every window over it', async () => {
    const asOfRow = rides[121] as Rows[number];
    const { entities } = await house.features.getFeatures({
      view: system,
      entities: [{ taxi: asOfRow.values['taxi'] as string }],
      asOf: timestampFromMs(Date.parse(asOfRow.time)),
      features: ['rides_2h', 'fare_std'],
    });
    const lo = Date.parse(asOfRow.time) - 2 * hourMs;
    const inWindow = rides.filter(
      ({ time, values }) =>
        Date.parse(time) >= lo &&
        Date.parse(time) < Date.parse(asOfRow.time) &&
        values['fare'] !== null &&
        values['zone'] === newestAt(asOfRow).values['zone'],
    );
    expect(entities[0]?.features?.['rides_2h']).toBe(inWindow.length);
    expect(inWindow.some(({ id }) => id >= 'r/0110' && id < 'r/0120')).toBe(true);
  });

  it('say how old each is, and are not given beyond their time to live', async () => {
    const newest = newestOf('yellow');
    const asOfMs = Date.parse(newest.time) + 60_000;
    const asked = {
      view: system,
      entities: [{ taxi: 'yellow' }, { taxi: 'never seen' }],
      asOf: timestampFromMs(asOfMs),
    };
    const fresh = await house.features.getFeatures(asked);
    const [fare] = fresh.entities[0]?.freshness ?? [];
    expect(fare).toMatchObject({ feature: 'fare', ageMs: 60_000n });
    expect(fare?.eventTime && timestampDate(fare.eventTime).toISOString()).toBe(newest.time);
    const seats = fresh.entities[0]?.freshness.find(({ feature }) => feature === 'seats');
    expect(seats?.eventTime && timestampDate(seats.eventTime).toISOString()).toBe(
      timeOf(start + 21 * hourMs),
    );
    const unknown = fresh.entities[1];
    expect(unknown?.features).toMatchObject({ fare: null, fare_3h: null, seats: null, rides_2h: 0 });
    expect(unknown?.freshness[0]?.status).toBe(FeatureStatus.MISSING);
    const stale = await house.features.getFeatures({ ...asked, ttlMs: 1n });
    expect(stale.entities[0]?.features?.['fare']).toBeNull();
    expect(stale.entities[0]?.freshness[0]?.status).toBe(FeatureStatus.EXPIRED);
  });

  it('survive a restart, and are made again out of the segments where nothing of them is left', async () => {
    const before = await bothWays();
    await house.stop();
    await house.start();
    expect((await bothWays()).online).toEqual(before.offline);
    await house.query('delete from featurize.window_value');
    await house.query(
      'update featurize.series set kept_from_us = null, begun = 0, leased_until = null, next_at = now()',
    );
    await house.settled('rides', { rows: 240 });
    expect((await bothWays()).online).toEqual(before.offline);
    const { rows } = await house.query<{ n: number }>(
      'select count(*)::int as n from featurize.window_value',
    );
    expect(rows[0]?.n).toBeGreaterThan(0);
  });

  it('are refused for what is no entity, and for features that there are not, naming the field', async () => {
    const asked = (entities: Row[], features: string[] = []) =>
      house.features.getFeatures({ view: system, entities: entities as Record<string, string>[], features });
    await expect(asked([])).rejects.toMatchObject({ code: 'ENTITIES_INVALID' });
    await expect(asked([{ taxi: 'red' }, { zone: 'z1' }])).rejects.toMatchObject({
      code: 'ENTITIES_INVALID',
      field: 'entities[1].taxi',
    });
    await expect(asked([{ taxi: 'red', colour: 1 }])).rejects.toMatchObject({ field: 'entities[0].colour' });
    await expect(asked([{ taxi: 'red' }], ['fair'])).rejects.toMatchObject({ code: 'FEATURE_UNKNOWN' });
  });
});

/** The taxi's newest ride at that instant. */
function newestAt({ time, values }: Rows[number]): Rows[number] {
  return rides
    .filter((ride) => ride.values['taxi'] === values['taxi'] && ride.time <= time)
    .at(-1) as Rows[number];
}

/** Numbers from 0 to 1, the same each time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(things: readonly T[]): T[] {
  return things
    .map((thing) => ({ thing, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ thing }) => thing);
}
