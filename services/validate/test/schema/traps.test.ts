import { expect, test } from 'vitest';
import { profileRows } from '../../src/profile/profile-rows.js';
import { inferDocument } from '../../src/schema/infer-document.js';
import type { Value } from '../../src/schema/value.js';

/** What a thousand cells imply; the traps of real files, each alone. */
function implied(cell: (i: number) => Value, rows = 1_000) {
  const judged = Array.from({ length: rows }, (_, i) => ({
    rowId: `r${i}`,
    eventTime: i * 60_000,
    values: { it: cell(i) },
  }));
  const { columns } = inferDocument({ source: 'trap', kind: 'rows' }, profileRows(judged));
  return columns['it'];
}

test('digits with a zero before others, or all of one length, are codes and no quantities', () => {
  expect(
    implied((i) =>
      String(10_000 + ((i * 7919) % 90_000))
        .padStart(5, '0')
        .replace(/^1/, '0'),
    ),
  ).toMatchObject({
    type: 'text',
    format: 'digits',
  });
  expect(implied((i) => String(i % 7 === 0 ? `00${i}` : i))).toMatchObject({ type: 'text' });
});

test('numeric texts with blanks among them are numbers, and the blanks are counted', () => {
  const column = implied((i) => (i % 90 === 5 ? ' ' : ` ${i / 10}`));
  expect(column).toMatchObject({ type: 'number', trim: true, missingAs: [''] });
  expect(column?.notes?.join()).toContain('12 blank texts, taken for missing');
});

test('? is missing anywhere, NA only among numbers and times', () => {
  expect(implied((i) => (i % 10 === 0 ? '?' : ('abc'[i % 3] as string)))).toMatchObject({
    type: 'text',
    missingAs: ['?'],
  });
  expect(implied((i) => (i % 10 === 0 ? 'NA' : String(i * 1.5)))).toMatchObject({
    type: 'number',
    missingAs: ['NA'],
  });
  // Namibia stays among countries.
  const countries = implied((i) => ['NA', 'DE', 'FR'][i % 3] as string);
  expect(countries?.missingAs).toBeUndefined();
  expect(countries?.domain?.values).toContain('NA');
});

test('a constant is named as one, so that it is told when it wakes up', () => {
  const column = implied(() => 0);
  expect(column?.constant).toBe(0);
  expect(column?.notes?.join()).toMatch(/always 0/);
  expect(implied((i) => (i === 999 ? 1 : 0))?.constant).toBeUndefined();
});

test('values piled up at an end were cut off there; zero and few different values are no cap', () => {
  const capped = implied((i) => Math.min(500, i % 900));
  expect(capped?.capped).toEqual([{ at: 500, side: 'high', share: expect.closeTo(0.4, 1) }]);
  expect(implied((i) => Math.max(0, i - 500))?.capped).toBeUndefined();
  expect(implied((i) => Math.min(4, i % 9))?.capped).toBeUndefined();
});

test('dates, and times with and without an offset, are times and say which', () => {
  const day = (i: number) => new Date(Date.UTC(2020, 0, 1) + i * 86_400_000).toISOString();
  expect(implied((i) => day(i).slice(0, 10))).toMatchObject({ type: 'time', format: 'date' });
  expect(implied(day)).toMatchObject({ type: 'time', format: 'datetime' });
  expect(implied((i) => day(i).slice(0, 19).replace('T', ' '))).toMatchObject({
    type: 'time',
    format: 'datetime',
  });
});

test('blanks before words are taken off, and make no other word', () => {
  expect(implied((i) => `${i % 2 ? ' ' : ''}${['red', 'blue'][(i >> 1) % 2]}`)).toMatchObject({
    type: 'text',
    trim: true,
    domain: { values: ['blue', 'red'], closed: true },
  });
});

test('one missing among a thousand asks for less than all, by the lower bound of Wilson', () => {
  expect(implied((i) => (i === 3 ? null : i))?.presence?.minFraction).toBeCloseTo(0.9936, 2);
  expect(implied((i) => i)?.presence).toEqual({ minFraction: 1 });
});
