import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SegmentKind } from '@perennial/contracts';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
  for (const source of ['a', 'b', 'c', 'd', 'e', 'f', 'flights']) await house.apply(source);
  await house.settled();
});
afterAll(() => house?.stop());

const csv =
  'date,temp_min,weather,code,ok\n2012-01-01,5.0,drizzle,007,true\n2012-01-02,,"rain, heavy",010,false\n';

test('a CSV file becomes rows of numbers, texts and truths, and sent again changes nothing', async () => {
  const first = await house.publish(csv, { source: 'a', format: 'csv' });
  expect(first).toMatchObject({ taken: 2, duplicates: 0, refused: 0, firstRefusal: '' });
  const again = await house.publish(csv, { source: 'a', format: 'csv' });
  expect(again).toMatchObject({ taken: 0, duplicates: 2, refused: 0, digest: first.digest });
  const rows = await house.rows('a');
  expect(rows.map((row) => row.cells)).toEqual([
    {
      _p_event_time: Date.UTC(2012, 0, 1),
      _p_arrived_at: expect.any(Number),
      _p_producer: 'desk',
      date: '2012-01-01',
      temp_min: 5,
      weather: 'drizzle',
      code: '007',
      ok: true,
    },
    {
      _p_event_time: Date.UTC(2012, 0, 2),
      _p_arrived_at: expect.any(Number),
      _p_producer: 'desk',
      date: '2012-01-02',
      temp_min: null,
      weather: 'rain, heavy',
      code: '010',
      ok: false,
    },
  ]);
  const prefix = first.digest.slice('sha256:'.length, 'sha256:'.length + 32);
  expect(rows.map((row) => row.id)).toEqual([`${prefix}-000000000`, `${prefix}-000000001`]);
});

test('a bad line is refused by name and its neighbours are taken', async () => {
  const lines = [
    '{"date":"2012-01-01","temp_min":1}',
    '{"date":',
    '{"temp_min":3}',
    '{"date":"2012-01-04","temp_min":4}',
  ];
  const answer = await house.publish(lines.join('\n'), { source: 'b', format: 'jsonl' });
  expect(answer).toMatchObject({ taken: 2, refused: 2 });
  expect(answer.firstRefusal).toMatch(/^line 2: not JSON/);
  const short = await house.publish('date,temp_min\n2012-02-01,1\n2012-02-02\n', {
    source: 'b',
    format: 'csv',
  });
  expect(short).toMatchObject({ taken: 1, refused: 1 });
  expect(short.firstRefusal).toBe('line 3: 1 cells where the header names 2 columns');
});

test('what cannot be taken at all is an error that names the place and the fix', async () => {
  const attempt = (content: string, format: string) => house.publish(content, { source: 'c', format });
  await expect(attempt('{"temp_min":1}\n{"date":"x"}', 'jsonl')).rejects.toMatchObject({
    code: 'ROW_EVENT_TIME',
    field: 'date',
    message: expect.stringMatching(/^line 1: date is missing.*1 more/),
  });
  await expect(attempt('', 'csv')).rejects.toMatchObject({ code: 'CSV_HEADER' });
  await expect(attempt('[]', 'json')).rejects.toMatchObject({ code: 'ROWS_EMPTY' });
  await expect(attempt('PAR1 it is not', 'parquet')).rejects.toMatchObject({ code: 'PARQUET_UNREADABLE' });
  await expect(attempt('date,_p_row_id\n2012-01-01,1\n', 'csv')).rejects.toMatchObject({
    code: 'ROW_COLUMN_NAME',
  });
  await expect(attempt('x', 'xml')).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN', field: 'format' });
  await expect(house.publish(csv, { source: 'nowhere', format: 'csv' })).rejects.toMatchObject({
    code: 'SOURCE_NOT_FOUND',
    message: expect.stringMatching(
      /known are a, b.*perennial sources add nowhere --time <column>.*apply a system\.yaml with this source first/,
    ),
  });
  expect(await house.rows('c')).toEqual([]);
});

test('rows with ids of their own are told apart by them, from body to body and over the bus', async () => {
  const body = '[{"id":"k1","date":"2012-01-01","temp_max":1},{"id":"k2","date":"2012-01-02","temp_max":2}]';
  const more = '[{"id":"k2","date":"2012-01-02","temp_max":2},{"id":"k3","date":"2012-01-03","temp_max":3}]';
  const header = { source: 'd', format: 'json', kind: SegmentKind.LABELS, rowIdField: 'id' };
  expect(await house.publish(body, header)).toMatchObject({ taken: 2, duplicates: 0 });
  expect(await house.publish(more, header)).toMatchObject({ taken: 1, duplicates: 1 });
  expect(await house.publish(more, header)).toMatchObject({ taken: 0, duplicates: 2 });
  expect((await house.rows('d')).map((row) => [row.kind, row.id])).toEqual([
    ['labels', 'k1'],
    ['labels', 'k2'],
    ['labels', 'k3'],
  ]);
});

test('the same content sent by two at once is taken once', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => house.publish(csv, { source: 'e', format: 'csv' })));
  expect(answers.map((one) => one.taken).sort()).toEqual([0, 0, 2]);
  expect(await house.rows('e')).toHaveLength(2);
});

test('a Parquet file is cut in its own order: times as text, odd times refused, sent again without effect', async () => {
  const path = join(tempDir('parquet'), 'rows.parquet');
  const tables = await openTables({});
  await tables.run(
    `copy (select case when i = 3 then null else timestamp '2001-01-01' + to_minutes(i::bigint * 720) end as date,
       i::bigint as delay, [i, i + 1] as pair, i % 2 = 0 as even, 'x' || i as name from range(250001) r(i))
     to ${quoteText(path)} (format parquet)`,
  );
  await tables.close();
  const answer = await house.publish(readFileSync(path), { source: 'f', format: 'parquet' });
  expect(answer).toMatchObject({
    taken: 250_000,
    refused: 1,
    firstRefusal: expect.stringMatching(/^row 4: date/),
  });
  const segments = await house.db.selectFrom('segment').select(['rows']).where('source', '=', 'f').execute();
  expect(segments.map((one) => one['rows']).sort()).toEqual([100_000, 50_001, 99_999]);
  const rows = await house.rows('f');
  expect(new Set(rows.map((row) => row.id)).size).toBe(250_000);
  expect(
    rows
      .slice(0, 3)
      .map((row) => [row.cells['date'], row.cells['delay'], row.cells['pair'], row.cells['even']]),
  ).toEqual([
    ['2001-01-01', 0, '[0,1]', true],
    ['2001-01-01T12:00:00.000Z', 1, '[1,2]', false],
    ['2001-01-02', 2, '[2,3]', true],
  ]);
  expect(await house.publish(readFileSync(path), { source: 'f', format: 'parquet' })).toMatchObject({
    taken: 0,
    duplicates: 250_000,
  });
});

test('three million cells of real flights come in at once, all of them', async () => {
  const source = new URL(
    '../../../examples/late-flights/node_modules/vega-datasets/data/flights-3m.parquet',
    import.meta.url,
  );
  const path = join(tempDir('flights'), 'january.parquet');
  const tables = await openTables({});
  await tables.run(
    `copy (select * from read_parquet(${quoteText(source.pathname)}) where date < timestamp '2001-02-01' order by date)
     to ${quoteText(path)} (format parquet)`,
  );
  await tables.close();
  const startedAt = performance.now();
  const answer = await house.publish(readFileSync(path), { source: 'flights', format: 'parquet' });
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`508,239 rows taken in ${seconds.toFixed(2)} s, ${Math.round(answer.taken / seconds)} rows/s`);
  expect(answer).toMatchObject({ taken: 508_239, refused: 0 });
  await house.settled();
  const segments = await house.db
    .selectFrom('segment')
    .select(['rows'])
    .where('source', '=', 'flights')
    .execute();
  expect(segments).toHaveLength(6);
});
