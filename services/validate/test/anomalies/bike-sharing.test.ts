import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyVolume, Volume } from '../../src/anomalies/volume.js';
import type { HeldReason } from '../../src/causes/findings.js';
import type { Verified } from '../../src/verify.js';
import { type Desk, needs, openDesk } from './real.js';

const file = 'bike_sharing/hour.csv';
const hour = 'dteday::timestamp + hr::int * interval 1 hour';

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk?.close());

const said = ({ type, column, rows, firstEventTime }: HeldReason) => [
  ...[type, column, rows],
  new Date(firstEventTime).toISOString().slice(0, 13),
];
const faults = [
  ['FLOOD_OF_DEFAULT', 'hum', 22, '2011-03-10T00'],
  ['VALUE_STUCK', 'atemp', 24, '2012-08-17T00'],
];

test(
  'two years of hours in one file: the broken sensors and the 165 absent hours are found, and no row is held',
  needs(file),
  async () => {
    await desk.load(file, hour);
    const { held, found } = await desk.send('true');
    expect(held).toBeUndefined();
    const gaps = found.find(({ type }) => type === 'NO_DATA_IN_SPAN');
    expect(gaps?.rows).toBe(165);
    expect(gaps?.gaps?.reduce((sum, { rows }) => sum + rows, 0)).toBe(165);
    expect(gaps?.gaps?.[0]).toEqual({
      from: Date.parse('2011-01-02T05:00Z'),
      to: Date.parse('2011-01-02T05:00Z'),
      rows: 1,
    });
    expect(
      found
        .filter((one) => one !== gaps)
        .map(said)
        .sort(),
    ).toEqual(faults);
    const [hum] = found.filter(({ column }) => column === 'hum');
    expect(hum?.suspectedCause).toMatch(/default: 0 stands for what is missing/);
    expect(hum?.firstRowId).toBe('1552');
  },
);

test('hours that come every three days: the same, told once; winter turns to summer and no row is held', {
  ...needs(file),
  timeout: 120_000,
}, async () => {
  await desk.close();
  desk = await openDesk();
  await desk.load(file, hour);
  const sent: Verified[] = [];
  for (let day = 0; day < 731; day += 3) {
    const from = `date '2011-01-01' + ${day}`;
    sent.push(await desk.send(`moment >= ${from} and moment < ${from} + 3`));
  }
  expect(sent.flatMap(({ held }) => held?.reasons.map(said) ?? [])).toEqual([]);
  const found = sent.flatMap((one) => one.found);
  const absent = found.filter(({ type }) => type === 'NO_DATA_IN_SPAN');
  expect(absent.reduce((sum, { rows }) => sum + rows, 0)).toBe(165);
  const woke = found.filter(({ type }) => type === 'CONSTANT_WOKE_UP');
  expect(woke.map(({ column }) => column)).toEqual(['holiday', 'mnth', 'season', 'yr']);
  const others = found.filter((one) => !absent.includes(one) && !woke.includes(one));
  expect(others.map(said).sort()).toEqual(faults);
});

test('a column a hundred times too large is held at once with its factor, and two swapped columns are named', {
  ...needs(file),
}, async () => {
  await desk.close();
  desk = await openDesk();
  await desk.load(file, hour);
  await desk.send(`moment < '2011-07-01'`);
  const large = await desk.send(`moment >= '2011-07-01' and moment < '2011-07-05'`, 'temp * 100 as temp');
  expect(large.good).toBeUndefined();
  expect(large.held?.reasons[0]).toMatchObject({
    ...{ rule: 'range', type: 'FLOAT_TYPE_BIG_FLOAT', column: 'temp', relation: 'factor-100' },
    suggestedExpression: 'temp / 100',
  });
  const turn = await desk.send(`moment >= '2011-07-01' and moment < '2011-12-06 20:00'`);
  expect(turn.held).toBeUndefined();
  const week = `moment >= '2011-12-06 20:00' and moment < '2011-12-13'`;
  const swapped = await desk.send(week, 'temp as hum, hum as temp');
  expect(swapped.found.map(({ type, suspectedCause }) => [type, suspectedCause])).toContainEqual([
    'COLUMNS_SWAPPED',
    'temp and hum were swapped',
  ]);
});

test('hourly volumes of 2011: after eight weeks at most one false alarm in a thousand hours, and a noon without riders is seen', {
  ...needs(file),
}, async () => {
  const hours = await desk.tables.rows(
    'select epoch_ms(moment)::double as hour, cnt from timed order by hour',
  );
  const counts = hours.map(({ hour: at, cnt }) => [Number(at), Number(cnt)] as const);
  const oddOf = (rows: readonly (readonly [number, number])[]) => {
    const volume = new Volume({ perMs: 3_600_000 }, emptyVolume());
    for (const [at, count] of rows) volume.addRows(at, count);
    return volume.odd;
  };
  const year = counts.filter(([at]) => at < Date.parse('2012-01-01'));
  expect(oddOf(year).length).toBeLessThanOrEqual((year.length - 1_344) / 1_000);
  const noon = Date.parse('2011-09-14T12:00Z');
  const lost = year.map(([at, count]) => [at, at === noon ? Math.round(count / 50) : count] as const);
  expect(oddOf(lost)).toContainEqual(expect.objectContaining({ period: noon, isHigh: false }));
});
