import { join } from 'node:path';
import { type AcceptSchemaResponse, events, SegmentKind } from '@perennial/contracts';
import { schemaFromJson } from '@perennial/spec';
import { quoteText } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { smallRowsMax } from '../src/verify.js';
import { type House, openHouse } from './house.js';

let house: House;
const dir = tempDir('times');
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house?.stop());

/** Hourly rows as ingest writes them: days and times of JSON or CSV, DATE and TIMESTAMP of Parquet (midnight as a day). */
const clockSql = `select 'h-' || i as _p_row_id, t as _p_event_time, sin(i)::double as level,
    strftime(t, '%Y-%m-%d') as day, strftime(t, '%Y-%m-%dT%H:%M:%SZ') as at, strftime(t, '%Y-%m-%d %H:%M:%S') as local,
    strftime(t, '%Y-%m-%d') as pq_date,
    case when t = date_trunc('day', t) then strftime(t, '%Y-%m-%d') else strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ') end as pq_time
  from (select i, timestamp '2020-01-01 01:00:00' + i * interval 1 hour as t from range(?) rows(i))`;

async function send(source: string, first: number, count: number, change = '*'): Promise<void> {
  const path = join(dir, `${source}-${first}-${count}.parquet`);
  const rows = clockSql.replace('?', `${first}, ${first + count}`);
  await house.tables.run(`copy (select ${change} from (${rows})) to ${quoteText(path)} (format parquet)`);
  await house.recordFile(path, { source, producer: 'clock', count });
  await house.settled();
}

const ofSource = (source: string) => ({ source, kind: SegmentKind.ROWS });

async function acceptAsProposed(source: string): Promise<AcceptSchemaResponse> {
  await house.schemas.proposeSchema({ of: ofSource(source) });
  return house.schemas.acceptSchema({ of: ofSource(source), acceptedBy: 'ann' });
}

/** Verified and held rows of a source, and why those are held. */
function outcome(source: string) {
  const held = house.told(events.segmentQuarantined).filter((one) => one.source === source);
  return {
    verified: house
      .told(events.segmentVerified)
      .filter((one) => one.source === source)
      .reduce((sum, { rows }) => sum + rows, 0),
    held: held.flatMap(({ findings }) => findings.map(({ rule, column, rows }) => [rule, column, rows])),
  };
}

test.each([
  ['few', 300],
  ['many', smallRowsMax + 500],
])(
  '%s rows verified, their schema accepted unedited: later rows of the same kind pass, few and many',
  async (source, count) => {
    await send(source, 0, count);
    await acceptAsProposed(source);
    const inForce = schemaFromJson(
      (await house.schemas.getSchemaVersion({ of: ofSource(source), version: 0 })).schemaJson,
    );
    expect(inForce.columns['day']).toMatchObject({ type: 'time', format: 'date' });
    expect(inForce.columns['at']).toMatchObject({ type: 'time', format: 'datetime' });
    await send(source, count, 60);
    await send(source, count + 60, smallRowsMax + 200);
    expect(outcome(source)).toEqual({ verified: count + 60 + smallRowsMax + 200, held: [] });
  },
);

test('a column of days holds what is no day, one by one, in few rows and in many', async () => {
  await send('days', 0, 400);
  await acceptAsProposed('days');
  const change = `* replace (case when _p_row_id like '%7' then day || 'T05:00:00Z' else day end as day)`;
  await send('days', 400, 100, change);
  await send('days', 500, 2_000, change);
  expect(outcome('days')).toEqual({
    verified: 400 + 90 + 1_800,
    held: [
      ['format', 'day', 10],
      ['format', 'day', 200],
    ],
  });
});

test('times of any year are read, and what is no time of years 1 to 9999 is held alone, in few rows and in many', async () => {
  await send('years', 0, 400);
  await acceptAsProposed('years');
  const good = [
    '0013-01-01T09:00:00',
    '0001-01-01',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '1500-02-28',
  ];
  const bad = [
    '0000-01-01',
    '0001-01-01T00:00:00+05:00',
    '9999-12-31T23:59:59-12:00',
    '+275760-09-13T00:00:00Z',
  ];
  const odd = [...good, ...bad, '1500-02-29'];
  const list = odd.map(quoteText).join(', ');
  const oddAt = (first: number) =>
    `* replace (coalesce(list_extract([${list}], substr(_p_row_id, 3)::int - ${first - 1}), "at") as "at")`;
  await send('years', 400, 100, oddAt(400));
  await send('years', 500, 2_000, oddAt(500));
  expect(outcome('years')).toEqual({
    verified: 400 + 95 + 1_995,
    held: [
      ['type', 'at', 5],
      ['type', 'at', 5],
    ],
  });
  const checked = await house.client.checkRows({
    source: 'years',
    kind: SegmentKind.ROWS,
    rows: odd.map((at) => ({
      level: 0.1,
      day: '2020-05-01',
      at,
      local: at,
      pq_date: '2020-05-01',
      pq_time: at,
    })),
  });
  expect(checked.rowsHeld).toBe(5);
});

test('a row from the future is held with its event time in the evidence, in few rows and in many', async () => {
  const change = `* replace (case when _p_row_id like '%77' then timestamp '2145-01-01' else _p_event_time end as _p_event_time)`;
  await send('future', 0, 100, change);
  await send('future', 100, 2_000, change);
  const held = house.told(events.segmentQuarantined).filter(({ source }) => source === 'future');
  const evidence = `the event time 2145-01-01T00:00:00Z is more than a day ahead of the platform's clock`;
  expect(held.flatMap(({ findings }) => findings)).toMatchObject([
    { rule: 'event-time', evidence, rows: 1 },
    { rule: 'event-time', evidence, rows: 20 },
  ]);
});
