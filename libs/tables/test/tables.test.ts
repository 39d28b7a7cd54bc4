import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { tempDir } from '@perennial/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { type Cell, type ColumnSpec, openTables, quoteIdentifier, quoteText, writeRows } from '../src/mod.js';

const tables = await openTables({});
afterAll(() => tables.close());

const columns: ColumnSpec[] = [
  { name: '_p_row_id', type: 'VARCHAR' },
  { name: '_p_event_time', type: 'TIMESTAMP' },
  { name: 'a "quoted" name', type: 'DOUBLE' },
  { name: 'ok', type: 'BOOLEAN' },
];

describe('cells', () => {
  it('come as numbers, booleans, text and null, times as epoch milliseconds in UTC', async () => {
    const rows = await tables.rows(
      `select 1::bigint as big, 12.5::decimal(10,2) as dec, date '2012-01-02' as day,
              timestamp '2012-01-02 03:04:05.678' as ts, timestamptz '2012-01-02 03:04:05+02' as tz,
              timestamp_s '2012-01-02 03:04:05' as s, timestamp_ns '2012-01-02 03:04:05' as ns,
              1.5::float as f, true as yes, 'x' as t, null as nothing, [1, 2] as list, 3::hugeint as huge`,
    );
    expect(rows).toEqual([
      {
        big: 1,
        dec: 12.5,
        day: Date.UTC(2012, 0, 2),
        ts: Date.UTC(2012, 0, 2, 3, 4, 5, 678),
        tz: Date.UTC(2012, 0, 2, 1, 4, 5),
        s: Date.UTC(2012, 0, 2, 3, 4, 5),
        ns: Date.UTC(2012, 0, 2, 3, 4, 5),
        f: 1.5,
        yes: true,
        t: 'x',
        nothing: null,
        list: '[1, 2]',
        huge: 3,
      },
    ]);
  });

  it('of a column come as one typed array, NaN and empty text for null, over many chunks', async () => {
    const { n, t, b } = await tables.columns(
      `select case when i % 2 = 0 then i end as n, case when i % 3 = 0 then i::varchar end as t, i % 2 = 0 as b
       from range(10000) r(i)`,
    );
    expect(n).toBeInstanceOf(Float64Array);
    expect([n?.length, n?.[9998], n?.[9999]]).toEqual([10_000, 9998, Number.NaN]);
    expect([t?.[9999], t?.[9998]]).toEqual(['9999', '']);
    expect([b?.[0], b?.[1]]).toEqual([1, 0]);
  });

  it('beyond 2^53 are refused instead of rounded', async () => {
    await expect(tables.rows('select 9007199254740993::bigint as id')).rejects.toMatchObject({
      code: 'TABLES_INTEGER_RANGE',
      field: 'id',
    });
  });

  it('may be given as parameters', async () => {
    const [row] = await tables.rows('select $a::double + 1 as a, $t as t, $n is null as n, $b as b', {
      a: 1.5,
      t: "it's",
      n: null,
      b: true,
    });
    expect(row).toEqual({ a: 2.5, t: "it's", n: true, b: true });
  });
});

describe('writeRows', () => {
  const write = async (rows: Cell[][]) => {
    const file = path.join(tempDir(), "it's.parquet");
    await writeRows(tables, file, columns, rows);
    return file;
  };

  it('gives back what was written, in order', async () => {
    const rows: Cell[][] = Array.from({ length: 5000 }, (_, i) => [
      `r${i}`,
      i * 1000 + 0.5,
      i % 2 ? null : i / 3,
      i % 3 ? null : true,
    ]);
    const file = await write(rows);
    const back = await tables.rows(`select * from read_parquet(${quoteText(file)})`);
    expect(back.map((row) => Object.values(row))).toEqual(rows);
  });

  it('gives the same bytes for the same rows, and takes none at all', async () => {
    const digest = async (rows: Cell[][]) =>
      createHash('sha256')
        .update(readFileSync(await write(rows)))
        .digest('hex');
    const rows: Cell[][] = Array.from({ length: 3000 }, (_, i) => [`${i}`, i, i, null]);
    expect(await digest(rows)).toBe(await digest(rows));
    const file = await write([]);
    expect(await tables.rows(`select * from read_parquet(${quoteText(file)})`)).toEqual([]);
  });

  it('refuses a cell of another type, naming row and column, and goes on', async () => {
    await expect(write([['r', 0, '1' as Cell, null]])).rejects.toMatchObject({
      code: 'TABLES_CELL_INVALID',
      field: 'a "quoted" name',
    });
    expect(existsSync(await write([['r', 0, 1, null]]))).toBe(true);
  });
});

describe('a database', () => {
  it('runs overlapping calls in order on one connection', async () => {
    await tables.run('create temp table seen (i integer)');
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => tables.run('insert into seen values ($i)', { i })),
    );
    const [row] = await tables.rows('select string_agg(i, $comma) as all_in_order from seen', { comma: ',' });
    expect(row).toEqual({ all_in_order: Array.from({ length: 20 }, (_, i) => i).join(',') });
  });

  it('hands numbers over chunk by chunk, with NaN for null, in the order of the rows', async () => {
    const seen: (readonly [number, number])[] = [];
    await tables.numbers(
      'select i::double as a, case when i % 3 = 0 then null else -i end::double as b from range(5000) t(i)',
      ([a, b], rowCount) => {
        for (let row = 0; row < rowCount; row++) seen.push([a?.[row] as number, b?.[row] as number]);
      },
    );
    expect(seen).toEqual(Array.from({ length: 5_000 }, (_, i) => [i, i % 3 === 0 ? Number.NaN : -i]));
  });

  it('answers on a lane while another query runs', async () => {
    const lane = await tables.lane();
    let isLongDone = false;
    const long = tables
      .rows('select sum(a.i * b.i)::double as s from range(20000) a(i), range(20000) b(i)')
      .then(() => {
        isLongDone = true;
      });
    await lane.rows('select 1');
    expect(isLongDone).toBe(false);
    await long;
    await lane.close();
  });

  it('tells a failed query by a code, and its text to the log alone', async () => {
    await expect(tables.run(`select ${quoteIdentifier('no such column')}`)).rejects.toMatchObject({
      code: 'TABLES_QUERY_FAILED',
      internal: expect.stringContaining('no such column'),
    });
  });

  it('never fetches an extension and refuses work when closed', async () => {
    const other = await openTables({});
    await expect(other.run(`select * from read_parquet('s3://bucket/file')`)).rejects.toMatchObject({
      code: 'TABLES_QUERY_FAILED',
    });
    await other.close();
    await other.close();
    await expect(other.run('select 1')).rejects.toMatchObject({ code: 'TABLES_CLOSED' });
  });
});
