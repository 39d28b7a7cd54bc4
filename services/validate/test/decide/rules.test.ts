import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reasonsOf } from '../../src/causes/findings.js';
import { shiftedSet } from '../../src/causes/shifted-set.js';
import { judgeSegment, noKnowledge } from '../../src/rules/judge-segment.js';
import { newcomer } from '../../src/rules/standing.js';
import type { JudgedRow, Value } from '../../src/schema/value.js';

const now = Date.parse('2026-01-01');
const context = { timeColumn: '_p_event_time', now };
const day = 86_400_000;

function row(i: number, values: Record<string, Value>): JudgedRow {
  return { rowId: `r${i}`, eventTime: Date.parse('2020-01-01') + i * day, values };
}

/** Two hundred ordinary rows: a temperature about 15, rain in bursts, a word. */
const ordinary = Array.from({ length: 200 }, (_, i) =>
  row(i, {
    temp: 15 + 6 * Math.sin(i / 9) + ((i * 7919) % 13) / 6,
    rain: i % 3 ? 0 : ((i * 31) % 17) / 2,
    word: i % 2 ? 'a' : 'b',
    at: Date.parse('2020-01-01') + i * day,
  }),
);
const known = judgeSegment(ordinary, noKnowledge, context).after;
const verdictOn = (values: Record<string, Value>, i = 200) =>
  judgeSegment([row(i, values)], known, context).held.flatMap(({ violations }) =>
    violations.map(({ rule, column, relation }) => [rule, column, relation]),
  );
const good = { temp: 16, rain: 1, word: 'a' };

test('ordinary rows pass, and so do a new word, a cell that repeats the event time and heavier rain', () => {
  expect(judgeSegment(ordinary, noKnowledge, context).held).toEqual([]);
  expect(verdictOn({ ...good, word: 'c', at: Date.parse('2020-01-01') + 200 * day })).toEqual([]);
  expect(verdictOn({ ...good, rain: 60 })).toEqual([]);
});

test('each rule names itself, its column and the factor that would explain the value', () => {
  expect(verdictOn({ ...good, temp: '16' })).toEqual([['type', 'temp', undefined]]);
  expect(verdictOn({ ...good, temp: Number.NaN })).toEqual([['type', 'temp', undefined]]);
  expect(verdictOn({ ...good, temp: null })).toEqual([['presence', 'temp', undefined]]);
  expect(verdictOn({ ...good, rain: -999 })).toEqual([['range', 'rain', undefined]]);
  expect(verdictOn({ ...good, temp: 1600 })).toEqual([['range', 'temp', 'factor-100']]);
  expect(verdictOn({ ...good, temp: 16 + 273.15 })).toEqual([['unit-change', 'temp', 'kelvin-for-celsius']]);
  expect(verdictOn(good, 5_000)).toEqual([['event-time', '_p_event_time', undefined]]);
});

test('a closed set of words holds a new one after a thousand rows, with the words it knows', () => {
  const many = Array.from({ length: 1_000 }, (_, i) => row(i, { word: i % 2 ? 'a' : 'b' }));
  const { after } = judgeSegment(many, noKnowledge, { ...context, now: now + 1_000 * day });
  const { held } = judgeSegment([row(1_001, { word: 'c' })], after, { ...context, now: now + 1_000 * day });
  const [reason] = reasonsOf(held, after.schema);
  expect(reason).toMatchObject({ rule: 'domain', column: 'word', rows: 1, firstRowId: 'r1001' });
  expect(reason?.evidence).toContain('one of a, b');
});

test('a segment judged whole ends as its rows one by one would', () => {
  let single = noKnowledge;
  for (const one of ordinary) single = judgeSegment([one], single, context).after;
  expect(single).toEqual(known);
});

test('a second producer is no thermometer: long flights of an unknown one pass', () => {
  const flights = Array.from({ length: 600 }, (_, i) =>
    row(i, { distance: 100 + ((i * 7919) % 900) + (i % 41 ? 0 : 1_500) }),
  );
  const { after } = judgeSegment(flights, noKnowledge, context);
  const longest = judgeSegment([row(600, { distance: 2_704 })], { ...after, standing: newcomer }, context);
  expect(longest.held).toEqual([]);
});

test('a large set is suspect as a whole: when it lies far off, a conversion explains it, and it came at once', () => {
  const quantilesOf = (convert: (value: number) => number) =>
    Array.from({ length: 200 }, (_, i) => convert(9 + (12 * (i + 0.5)) / 200));
  const asked = (convert: (value: number) => number) => {
    const quantiles = quantilesOf(convert);
    const first = Array.from({ length: 30 }, (_, i) => convert(10 + (i % 7)));
    return shiftedSet('temp', { quantiles, first }, { ...known, level: { center: 14, spread: 3, count: 30 } })
      ?.relation.name;
  };
  expect(asked((value) => value * 1.8 + 32)).toBe('fahrenheit-for-celsius');
  expect(asked((value) => value + 273.15)).toBe('kelvin-for-celsius');
  expect(asked((value) => value)).toBeUndefined();
  expect(asked((value) => value + 8)).toBeUndefined();
});

test.each(['rows', 'labels'])('the %s of the first example pass, one by one', (file) => {
  const url = new URL(`../../../../examples/first-system/${file}.csv`, import.meta.url);
  const [header = '', ...lines] = readFileSync(url, 'utf8').trim().split('\n');
  const [, ...names] = header.split(',');
  const rows = lines.map((line, i): JudgedRow => {
    const [hour = '', ...cells] = line.split(',');
    const numbers = names.map((name, at) => [name, Number(cells[at])]);
    return {
      rowId: String(i),
      eventTime: Date.parse(hour),
      values: { hour, ...Object.fromEntries(numbers) },
    };
  });
  expect(rows.length).toBeGreaterThan(400);
  expect(judgeSegment(rows, noKnowledge, context).held).toEqual([]);
});
