import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { publishRaw } from '@perennial/bus';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import {
  Dictionary,
  Int32,
  Table,
  TimestampMillisecond,
  tableFromArrays,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house?.stop());

const cellsOf = async (source: string) =>
  (await house.rows(source)).map(
    ({ cells: { _p_event_time, _p_arrived_at, _p_producer, ...cells } }) => cells,
  );

test('an Arrow IPC stream becomes the rows it holds, with dictionaries, times and lists', async () => {
  await house.declare('arrow');
  const table = new Table({
    date: vectorFromArray([Date.UTC(2024, 0, 1), Date.UTC(2024, 0, 2, 12), null], new TimestampMillisecond()),
    word: vectorFromArray(['a', 'b', 'a'], new Dictionary(new Utf8(), new Int32())),
    kw: vectorFromArray([1.5, null, 2]),
    big: vectorFromArray([1n, 2n, 3n]),
    even: vectorFromArray([true, false, true]),
  });
  const body = tableToIPC(table, 'stream');
  const answer = await house.publish(body, { source: 'arrow', format: 'arrow' });
  expect(answer).toMatchObject({ taken: 2, refused: 1, firstRefusal: expect.stringMatching(/^row 3: date/) });
  expect(await cellsOf('arrow')).toEqual([
    { date: '2024-01-01T00:00:00.000', word: 'a', kw: 1.5, big: 1, even: true },
    { date: '2024-01-02T12:00:00.000', word: 'b', kw: null, big: 2, even: false },
  ]);
  expect(await house.publish(body, { source: 'arrow', format: 'arrow' })).toMatchObject({ duplicates: 2 });
  const beyond = tableToIPC(
    tableFromArrays({ date: ['2024-01-03'], id: BigInt64Array.of(2n ** 60n + 1n) }),
    'stream',
  );
  await expect(house.publish(beyond, { source: 'arrow', format: 'arrow' })).rejects.toMatchObject({
    code: 'ROW_NUMBER',
  });
  await expect(house.publish('ARROW1 it is not', { source: 'arrow', format: 'arrow' })).rejects.toMatchObject(
    {
      code: 'ARROW_UNREADABLE',
    },
  );
  const cut = body.subarray(0, body.byteLength - 40);
  await expect(house.publish(cut, { source: 'arrow', format: 'arrow' })).rejects.toMatchObject({
    code: 'ARROW_UNREADABLE',
  });
});

test('packed bodies are the same rows as plain ones, and what is not packed as it says is refused', async () => {
  await house.declare('packed');
  const path = join(tempDir('packed'), 'rows.csv');
  const tables = await openTables({});
  const select = `(select timestamp '2024-01-01' + to_hours(i) as date, i as n, 'x' || i as name from range(50000) r(i))`;
  await tables.run(`copy ${select} to ${quoteText(path)} (format csv)`);
  await tables.run(`copy ${select} to ${quoteText(`${path}.zst`)} (format csv, compression zstd)`);
  await tables.close();
  const [plain, zstd] = [readFileSync(path), readFileSync(`${path}.zst`)];
  const header = { source: 'packed', format: 'csv' };
  expect(await house.publish(gzipSync(plain), { ...header, encoding: 'gzip' })).toMatchObject({
    taken: 50_000,
  });
  expect(await house.publish(plain, header)).toMatchObject({ taken: 0, duplicates: 50_000 });
  expect(await house.publish(zstd, { ...header, encoding: 'zstd' })).toMatchObject({ duplicates: 50_000 });
  for (const encoding of ['gzip', 'zstd']) {
    const attempt = (body: Uint8Array) => house.publish(body, { ...header, encoding });
    await expect(attempt(plain)).rejects.toMatchObject({ code: 'BODY_MALFORMED' });
    const packed = encoding === 'gzip' ? gzipSync(plain) : zstd;
    await expect(attempt(packed.subarray(0, packed.length >> 1))).rejects.toMatchObject({
      code: 'BODY_MALFORMED',
    });
  }
  const br = house.publish(plain, { ...header, encoding: 'br' });
  await expect(br).rejects.toMatchObject({ code: 'BODY_ENCODING_UNSUPPORTED', field: 'encoding' });
});

const event = (id: string, data: unknown, more: object = {}) => ({
  specversion: '1.0',
  id,
  source: '/sensors/1',
  type: 'com.example.measured',
  time: '2024-01-01T00:00:00Z',
  data,
  ...more,
});

test("a CloudEvent is a row named by its source and id, on every way, and has the event's time where it has none", async () => {
  await house.declare('events');
  const one = JSON.stringify(event('1', { kw: 1 }));
  const header = { source: 'events', format: 'cloudevent' };
  expect(await house.publish(one, header)).toMatchObject({ taken: 1 });
  expect(await house.publish(one, header)).toMatchObject({ taken: 0, duplicates: 1 });
  const batch = JSON.stringify([
    event('1', { kw: 1 }),
    event('2', [{ kw: 2 }, { kw: 3, date: '2024-02-02' }]),
    event('3', { kw: 4 }, { specversion: '0.3' }),
    event('4', undefined, { data_base64: Buffer.from('{"kw":5}').toString('base64') }),
  ]);
  const answer = await house.publish(batch, { source: 'events', format: 'cloudevents' });
  expect(answer).toMatchObject({ taken: 3, duplicates: 1, refused: 1 });
  expect(answer.firstRefusal).toMatch(/^event 3: specversion/);
  // In binary form the attributes stand beside the data.
  const binary = { eventSource: '/sensors/1', eventId: '4', eventTime: '2024-01-01T00:00:00Z' };
  expect(await house.publish('{"kw":5}', { source: 'events', format: 'json', ...binary })).toMatchObject({
    duplicates: 1,
  });
  const subject = 'rows.default.events.desk';
  const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
  await publishRaw(house.bus, { subject, body: one, id: 'n1', headers: structured });
  const attributes = { 'ce-id': '5', 'ce-source': '/sensors/1', 'ce-time': '2024-03-03T00:00:00Z' };
  await publishRaw(house.bus, { subject, body: '{"kw":6}', id: 'n2', headers: attributes });
  await house.settled();
  const rows = await house.rows('events');
  expect(rows.map(({ id }) => id).sort()).toEqual([
    '/sensors/1#1',
    '/sensors/1#2/0',
    '/sensors/1#2/1',
    '/sensors/1#4',
    '/sensors/1#5',
  ]);
  expect(rows.find(({ id }) => id.endsWith('#5'))?.cells['date']).toBe('2024-03-03T00:00:00Z');
});

test('an array of any length is read as it comes, with the first bad element by its place', async () => {
  await house.declare('array');
  const rows = Array.from({ length: 60_000 }, (_, i) => ({
    date: '2024-01-01',
    i,
    text: 'é[{"]}'.repeat(3),
  }));
  const body = JSON.stringify(rows).replace('"i":41234,', '"i":41234,"i":0,');
  const answer = await house.publish(body, { source: 'array', format: 'json' });
  expect(answer).toMatchObject({ taken: 59_999, refused: 1 });
  expect(answer.firstRefusal).toMatch(/^row 41235: i: the member is there twice/);
  await expect(house.publish(body.slice(0, -1), { source: 'array', format: 'json' })).rejects.toMatchObject({
    code: 'ROW_MALFORMED',
    message: expect.stringContaining('does not end'),
  });
});

test('text that is no UTF-8 is refused: a line alone, other forms whole', async () => {
  await house.declare('latin');
  const lines = Buffer.concat([
    Buffer.from('{"date":"2024-01-01","a":"'),
    Buffer.from([0xe9]),
    Buffer.from('"}\n{"date":"2024-01-02","a":"é"}\n'),
  ]);
  const answer = await house.publish(lines, { source: 'latin', format: 'jsonl' });
  expect(answer).toMatchObject({
    taken: 1,
    refused: 1,
    firstRefusal: expect.stringMatching(/^line 1: .*UTF-8/),
  });
  const csv = Buffer.concat([Buffer.from('date,a\n2024-01-01,'), Buffer.from([0xe9]), Buffer.from('\n')]);
  await expect(house.publish(csv, { source: 'latin', format: 'csv' })).rejects.toMatchObject({
    code: 'BODY_MALFORMED',
  });
});

test('a Parquet file holds late rows and local times as other forms do', async () => {
  await house.declare(
    'tables',
    'time: { column: date, zone: Europe/Berlin }\nlate: { watermark: 1d, policy: quarantine }',
  );
  await house.publish('{"date":"2024-07-10T00:00:00Z"}', { source: 'tables', format: 'jsonl' });
  const path = join(tempDir('parquet'), 'rows.parquet');
  const tables = await openTables({});
  await tables.run(
    `copy (select * from (values (timestamp '2024-07-10 12:00:00', 1), (timestamp '2024-07-01 12:00:00', 2),
       (timestamp '2024-03-31 02:30:00', 3)) v(date, n)) to ${quoteText(path)} (format parquet)`,
  );
  await tables.close();
  const answer = await house.publish(readFileSync(path), { source: 'tables', format: 'parquet' });
  expect(answer).toMatchObject({
    taken: 2,
    refused: 1,
    late: 1,
    firstRefusal: expect.stringMatching(/^row 3: date/),
  });
  const rows = (await house.rows('tables')).filter(({ cells }) => cells['n'] !== undefined);
  expect(
    rows.map(({ cells }) => [new Date(cells['_p_event_time'] as number).toISOString(), cells['date']]),
  ).toEqual([
    ['2024-07-10T10:00:00.000Z', '2024-07-10T12:00:00.000'],
    ['2024-07-01T10:00:00.000Z', '2024-07-01T12:00:00.000'],
  ]);
});
