import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CsvReader, csvLine, csvSeparator } from '../src/mod.js';

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

test('what is written as a line is read as its cells', () => {
  const cells = ['plain', '', 'a "quote"', 'x;y', 'two\nlines', 7, true, null];
  expect(read(csvLine(cells))[0]?.cells).toEqual(cells.map((cell) => (cell === null ? '' : String(cell))));
  expect(csvLine(['a;b', 1], ';')).toBe('"a;b";1\n');
});

test('the separator is the one that stands most often in the first line', () => {
  expect(csvSeparator('date;temp_min;wind')).toBe(';');
});
