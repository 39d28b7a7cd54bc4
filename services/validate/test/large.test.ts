import { join } from 'node:path';
import { events } from '@perennial/contracts';
import { quoteText } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
const dir = tempDir('large');
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house?.stop());

/** Writes a segment from a query and tells it. */
async function record(source: string, producer: string, sql: string): Promise<number> {
  const path = join(dir, `${source}-${Math.random()}.parquet`);
  await house.tables.run(`copy (${sql}) to ${quoteText(path)} (format parquet)`);
  const [row = {}] = await house.tables.rows(`select count(*) as n from read_parquet(${quoteText(path)})`);
  const count = Number(row['n']);
  await house.recordFile(path, { source, producer, count });
  await house.settled();
  return count;
}

const flights = new URL(
  '../../../examples/late-flights/node_modules/vega-datasets/data/flights-3m.parquet',
  import.meta.url,
).pathname;

test('January and February of the real flights pass, in segments of a hundred thousand', async () => {
  await house.tables.run(
    `create table flights as select row_number() over (order by date, origin, destination, delay, distance) - 1 as n, *
     from read_parquet(${quoteText(flights)}) where date < timestamp '2001-03-01'`,
  );
  let sent = 0;
  for (let start = 0; start < 966_409; start += 100_000) {
    sent += await record(
      'flights',
      'desk',
      `select 'f-' || lpad(n::varchar, 9, '0') as _p_row_id, date as _p_event_time, date::varchar as date,
         delay::double as delay, distance::double as distance, origin, destination
       from flights where n >= ${start} and n < ${start + 100_000} order by n`,
    );
  }
  await house.tables.run('drop table flights');
  expect(sent).toBe(966_409);
  expect(house.told(events.segmentQuarantined).flatMap((one) => one.findings)).toEqual([]);
  expect(house.told(events.segmentVerified).reduce((sum, one) => sum + one.rows, 0)).toBe(sent);
}, 300_000);

/** What was recorded in the event that a verified segment names. */
function recordedOf(verified: { recordedEventId: string } | undefined) {
  return house.told(events.segmentRecorded)[
    house.idsOf(events.segmentRecorded).indexOf(verified?.recordedEventId ?? '')
  ];
}

/** Hourly temperatures about 12 that swing with the day; `offset` counts hours. */
const hourly = (rows: number, offset: number, celsius: string, extra = '') => `
  select 'h-' || (i + ${offset}) as _p_row_id, timestamp '2020-01-01' + to_hours((i + ${offset})::bigint) as _p_event_time,
    ${celsius} as temp, (i % 7)::double as level ${extra}
  from (select i, 12 + 6 * sin((i + ${offset}) / 24.0) + (i * 7919 % 100) / 50.0 as c from range(${rows}) r(i)) order by i`;

test('a large segment in another unit is held whole, repaired by one expression, and split where rows stay bad', async () => {
  await record('station', 'first', hourly(3_000, 0, 'c'));
  await record(
    'station',
    'second',
    hourly(2_000, 3_000, 'case when i % 500 = 0 then 9999 else c * 1.8 + 32 end'),
  );
  const [held] = house.told(events.segmentQuarantined);
  expect(held).toMatchObject({ rows: 2_000, producer: 'second' });
  expect(held?.findings[0]).toMatchObject({
    rule: 'unit-change',
    column: 'temp',
    rows: 2_000,
    firstRowId: 'h-3000',
    suggestedExpression: '(temp - 32) / 1.8',
  });
  const repair = { source: 'station', column: 'temp', expression: '(temp - 32) / 1.8', repairedBy: 'me' };
  const answer = await house.client.repairQuarantine(repair);
  expect(answer).toMatchObject({ entries: 1, rowsRepaired: 1_996, rowsStillHeld: 4 });
  expect(answer.findings[0]).toMatchObject({ rule: 'range', column: 'temp', rows: 4, firstRowId: 'h-3000' });
  await house.settled();
  const back = house.told(events.segmentVerified).filter((one) => one.repairId === answer.repairId);
  expect(back.map((one) => one.rows)).toEqual([1_996]);
  expect(recordedOf(back[0])).toMatchObject({ source: 'station', producer: 'second' });
  const temps = (await house.rowsOf(back[0]?.digest ?? '')).map((row) => Number(row['temp']));
  expect(Math.max(...temps)).toBeLessThan(21);
  const { entries } = await house.client.listQuarantine({ source: 'station' });
  expect(entries).toMatchObject([{ rows: 4, status: 'held' }]);
  const { rows } = await house.client.getQuarantine({ quarantineId: entries[0]?.quarantineId ?? '' });
  expect(rows.map((row) => [row['_p_row_id'], row['temp']])).toEqual(
    [0, 500, 1_000, 1_500].map((i) => [`h-${3_000 + i}`, 9_999]),
  );
  const rest = await house.client.repairQuarantine({ ...repair, expression: 'temp * 0 + 12' });
  expect(rest).toMatchObject({ entries: 1, rowsRepaired: 4, rowsStillHeld: 0 });
  expect((await house.client.listQuarantine({ source: 'station' })).entries).toEqual([]);
  await house.settled();
  const all = house.told(events.segmentVerified).filter((one) => one.source === 'station');
  expect(all.map((one) => recordedOf(one)?.producer)).toEqual(['first', 'second', 'second']);
});

test('bad rows of a large segment are held one by one, each with its reason, and the others go on', async () => {
  await record('mixed', 'desk', hourly(2_000, 0, 'c', ", 'ok' as note"));
  const odd = `case i when 10 then null when 20 then 'nan'::double when 30 then 9999 else c end`;
  await record(
    'mixed',
    'desk',
    hourly(1_500, 2_000, odd, ", case when i = 40 then 'new' else 'ok' end as note"),
  );
  const held = house.told(events.segmentQuarantined).filter((one) => one.source === 'mixed');
  expect(held.map((one) => one.rows)).toEqual([4]);
  expect(held[0]?.findings.map((one) => [one.rule, one.column, one.firstRowId])).toEqual(
    expect.arrayContaining([
      ['presence', 'temp', 'h-2010'],
      ['type', 'temp', 'h-2020'],
      ['range', 'temp', 'h-2030'],
      ['domain', 'note', 'h-2040'],
    ]),
  );
  const verified = house.told(events.segmentVerified).filter((one) => one.source === 'mixed');
  expect(verified.map((one) => one.rows)).toEqual([2_000, 1_496]);
});
