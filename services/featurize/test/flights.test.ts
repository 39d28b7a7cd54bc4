import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleYaml, firstFlights, House, type Row, type Rows } from './house.js';

const system = 'late-flights';
/** The example, and windows over a column of the rows. */
const yaml = exampleYaml(system)
  .replace('last: 20000 rows', 'last: 500 rows')
  .replace(
    'train:',
    `  - { name: delays, from: delay, window: 2h, by: [origin, destination], as: sum }
  - { name: last_delays, from: delay, window: { last: 3 }, offset: 1h, by: [origin], as: std }
  - { name: last_destination, from: destination, window: { last: 1 }, by: [origin], as: last }
train:`,
  );

let house: House;
let flights: Row[];
const segments: Rows[] = [];

beforeAll(async () => {
  house = await House.open();
  flights = await firstFlights(house.tables, 12_000);
  const rows = flights.map((values, index) => ({
    id: `file/${String(index).padStart(6, '0')}`,
    time: String(values['date']),
    values,
  }));
  for (let start = 0; start < rows.length; start += 2_000) segments.push(rows.slice(start, start + 2_000));
});
afterAll(() => house?.close());

/** Online answers and offline features of some of the newest flights. */
async function compared(): Promise<[unknown[], unknown[]]> {
  const places = Array.from({ length: 60 }, (_, index) => flights.length - 1 - index * 29);
  const exported = new Map((await house.exported(system)).map((row) => [row['_p_row_id'], row]));
  const asked = places.map((place) => {
    const { delay: _, ...known } = flights[place] as Row;
    return known;
  });
  const offline = places.map((place) => {
    const {
      _p_row_id,
      _p_event_time,
      late: _,
      ...features
    } = exported.get(`file/${String(place).padStart(6, '0')}`) ?? {};
    return features;
  });
  return [await house.online(system, asked), offline];
}

describe('windows over rows, grouped', () => {
  it('are answered to the last bit as they are computed offline, after segments in disorder', async () => {
    await house.apply(yaml);
    await waitFor('the system', () => house.online(system, [{}]).catch(() => undefined));
    const files = await Promise.all(segments.map((rows) => house.segment('flights', 'rows', rows)));
    // The fifth is held back.
    const order = [5, 0, 3, 1, 2];
    await house.verified(...order.map((index) => files[index] as (typeof files)[number]));
    await house.settled('flights', { rows: 10_000 });
    const [online, offline] = await compared();
    expect(online).toEqual(offline);
  });

  it('are right again when held rows come back', async () => {
    const [before] = await compared();
    await house.verified(await house.segment('flights', 'rows', segments[4] ?? [], { repairId: 'repair-1' }));
    await house.settled('flights', { rows: 12_000 });
    const [online, offline] = await compared();
    expect(online).toEqual(offline);
    expect(online).not.toEqual(before);
  });

  it('keep no more than they reach back to', async () => {
    const { rows } = await house.query<{ kept: string; oldest: string }>(
      'select count(*) as kept, min(event_us) as oldest from featurize.window_value v join featurize.series s using (series_id) where s.last_count = 0 and s.horizon_us = 21600000000',
    );
    const newest = Date.parse(String(flights.at(-1)?.['date'])) * 1_000;
    // Three hours that ended three hours ago, and six hours of slack.
    expect(Number(rows[0]?.oldest)).toBeGreaterThanOrEqual(newest - 12 * 3_600_000_000);
    expect(Number(rows[0]?.kept)).toBeLessThan(flights.length);
  });

  it('reach further back as soon as a new version of the system asks for it', async () => {
    await house.apply(yaml.replace('window: 3h', 'window: 30h').replace('last: 3 }', 'last: 40 }'), 2);
    await waitFor(
      'version 2',
      async () => (await house.features.getOnline({ system, rows: [{}] })).systemVersion === 2,
    );
    // Before the past is filled in, and after.
    for (const wait of [async () => {}, () => house.settled('flights', { rows: 12_000 })]) {
      await wait();
      const [online, offline] = await compared();
      expect(online).toEqual(offline);
    }
  });

  it('make a training set of rows in the span alone, with the label computed from the row', async () => {
    await house.request(system, { systemVersion: 2 });
    await waitFor('the training set', () => house.made.length === 1);
    expect(house.made[0]).toMatchObject({ trainingRows: 11_500, holdoutRows: 500 });
    const holdout = await house.rowsOf(house.made[0]?.holdoutDigest ?? '');
    const late = flights.slice(-500).filter((row) => Number(row['delay']) > 15).length;
    expect(holdout.filter((row) => row['late'] === 1)).toHaveLength(late);
  });
});
