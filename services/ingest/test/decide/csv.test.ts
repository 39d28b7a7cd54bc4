import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CsvReader } from '../../src/decide/csv.js';
import { ColumnCounts, headerOf, rowOfRecord, separatorOf } from '../../src/decide/csv-columns.js';

function read(text: string, cuts: readonly number[] = []) {
  const reader = new CsvReader(',');
  const ends = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  const records = [];
  let start = 0;
  for (const end of ends) {
    records.push(...reader.add(text.slice(start, end)));
    start = end;
  }
  return [...records, ...reader.end()];
}

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

test('whatever stands in quotes comes back, however the file is cut into pieces', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', '7') });
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      fc.array(fc.nat(), { maxLength: 4 }),
      fc.constantFrom('\n', '\r\n'),
      (records, cuts, end) => {
        const text = records.map((record) => record.map(quoted).join(',') + end).join('');
        expect(read(text, cuts).map((record) => record.cells)).toEqual(records);
      },
    ),
  );
});

test('a record is named by the line it begins on, and a broken one is refused there', () => {
  expect(read('a,b\n"x\ny",1\n\nz,2').map((record) => record.line)).toEqual([1, 2, 5]);
  expect(() => read('a,b\n1,"2')).toThrow(/line 2: a quote is not closed/);
  expect(() => read('a,b\n1,"2"3\n')).toThrow(/line 2: text follows a closing quote/);
});

test('a column is of numbers although one cell in a hundred is none; codes with leading zeros stay text', () => {
  const records = read(
    Array.from({ length: 200 }, (_, i) => `${i === 7 ? 'n/a' : i / 4},0${i},${i % 2 === 0},""\n`).join(''),
  );
  const counts = new ColumnCounts(4);
  for (const record of records) counts.add(record);
  const types = counts.types();
  expect(types).toEqual(['DOUBLE', 'VARCHAR', 'BOOLEAN', 'VARCHAR']);
  const names = ['x', 'code', 'even', 'note'];
  const row = (i: number) => rowOfRecord(records[i] as (typeof records)[number], names, types);
  expect(row(6)).toEqual({ x: 1.5, code: '06', even: true, note: '' });
  expect(row(7)['x']).toBe('n/a');
});

test('the header names the columns, and may not name ours or one twice', () => {
  const header = (text: string) => headerOf(read(text)[0]);
  expect(header(' date , temp_min')).toEqual(['date', 'temp_min']);
  expect(() => header('date,_p_row_id')).toThrow(/platform's own/);
  expect(() => header('date,Date')).toThrow(/differ by case alone/);
  expect(separatorOf('date;temp_min;wind')).toBe(';');
});
