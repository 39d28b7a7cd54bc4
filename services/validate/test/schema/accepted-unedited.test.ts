import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SetProfile } from '../../src/profile/set-profile.js';
import { inferDocument } from '../../src/schema/infer-document.js';
import { smallRowsMax } from '../../src/verify.js';
import { type Desk, needs, openDesk } from '../anomalies/real.js';

/** What is proposed of some rows must bear these very rows: sent again after it is accepted, none is held. */

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(() => desk?.close());

const parts = [
  'true',
  `n <= ${smallRowsMax / 2}`,
  `n % 37 = 5 and n < ${smallRowsMax * 30}`,
  ...Array.from({ length: 30 }, (_, i) => `n between ${i * 50 + 1} and ${i * 51 + 1}`),
];

/** Why rows are held of those that the schema was made from, all at once, some and each alone. */
async function heldAgain(): Promise<string[]> {
  const { set, held: first } = await desk.send('true');
  expect(first).toBeUndefined();
  const raw = desk.known().profile.forms ?? {};
  const accepted = inferDocument({ source: 'real', kind: 'rows' }, set as SetProfile, { raw });
  const before = desk.known();
  const held: string[] = [];
  for (const where of parts) {
    desk.know({ ...before, accepted });
    const again = await desk.send(where);
    held.push(...(again.held?.reasons ?? []).map((one) => `${where}: ${one.rule} ${one.evidence}`));
  }
  return held;
}

const hourly = "timestamp '2020-01-01' + n * interval 1 hour";

test.each([
  ['telco_churn/Telco-Customer-Churn.csv', hourly],
  ['credit_default/UCI_Credit_Card.csv', hourly],
  ['california_housing/housing.csv', hourly],
  ['bike_sharing/hour.csv', 'dteday::timestamp + hr::int * interval 1 hour'],
  ['bike_sharing/day.csv', 'dteday::timestamp'],
  ['occupancy/datatraining.txt', hourly],
])('%s: accepted as proposed, none of its rows is held', async (file, time) => {
  if (needs(file).skip) return;
  await desk.load(file, time);
  expect(await heldAgain()).toEqual([]);
});

test('generated rows with a cell of each kind: accepted as proposed, none of them is held', async () => {
  await desk.tables.run(
    `create temp table raw as select i as n, uuid()::varchar as id, strftime(t, '%Y-%m-%d') as day,
       strftime(t, '%Y-%m-%dT%H:%M:%S+02:00') as at, case when i % 9 = 0 then '?' else strftime(t, '%Y-%m-%d %H:%M') end as gaps,
       lpad((i % 900)::varchar, 5, '0') as code, (i % 7)::double as few, i % 3 = 0 as flag, '2020-01-01' as always,
       'a' || (i % 50) || '@b.cc' as mail, case when i % 2 = 0 then strftime(t, '%Y-%m-%d') else '0013-01-01T00:00:00' end as mixed,
       ' ' || (i * 1.5)::varchar as number, case when i % 97 = 0 then (i * 1.5)::double end as rare,
       case when i % 300 > 0 then sin(i) end as usual, case when i % 11 > 0 then 'k' || i end as key, '10.0.0.' || (i % 200) as address, 'http://x.y/' || i as link, '[1, 2]' as list
     from (select i, timestamp '2020-01-01 01:00:00' + i * interval 7 minute as t from range(3_000) rows(i))`,
  );
  await desk.tables.run(`create temp view timed as select *, ${hourly} as moment from raw`);
  expect(await heldAgain()).toEqual([]);
});
