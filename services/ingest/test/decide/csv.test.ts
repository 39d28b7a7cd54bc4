import { CsvReader } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { ColumnCounts, headerOf, rowOfRecord } from '../../src/decide/csv-columns.js';

function read(text: string) {
  const reader = new CsvReader(',');
  return [...reader.add(text), ...reader.end()];
}

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
});
