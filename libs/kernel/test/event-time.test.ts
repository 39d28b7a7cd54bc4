import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatEventTime, type PlatformError, parseDuration, parseEventTime } from '../src/mod.js';

const utc = Date.UTC(2012, 3, 1, 8, 30);

test.each([
  ['2012-04-01', Date.UTC(2012, 3, 1)],
  ['2012-04-01 08:30', utc],
  ['2012-04-01T08:30', utc],
  ['2012-04-01T08:30:00Z', utc],
  ['2012-04-01T10:30:00+02:00', utc],
  ['2012-04-01 08:30:00.250', utc + 250],
  [utc, utc],
])('%s is read as UTC whatever the machine thinks its zone is', (text, ms) => {
  expect(parseEventTime(text, 'date')).toBe(ms);
});

test.each(['', 'today', '2012-13-01', '01.04.2012', '2012-04-01T25:00', null, undefined, Number.NaN, {}])(
  '%s is no time: the error names the field and shows what to send',
  (value) => {
    expect(() => parseEventTime(value, 'date')).toThrow(/^date: .*ISO 8601 such as/);
  },
);

test('what is written can be read again, to the millisecond', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }), (date) => {
      expect(parseEventTime(formatEventTime(date.getTime()), 'date')).toBe(date.getTime());
    }),
  );
  expect(formatEventTime(Date.UTC(2012, 3, 1))).toBe('2012-04-01');
});

test('durations carry their unit, and one without is refused by name', () => {
  const texts = ['200ms', '30s', '5m', '3h', '7d', '1.5h'];
  expect(texts.map((text) => parseDuration(text, 'window'))).toEqual([
    200, 30_000, 300_000, 10_800_000, 604_800_000, 5_400_000,
  ]);
  for (const text of ['7', 'd', '7 weeks', '-3h', '']) {
    try {
      parseDuration(text, 'features[0].window');
      expect.unreachable(text);
    } catch (error) {
      expect((error as PlatformError).field).toBe('features[0].window');
    }
  }
});

test('days that no month has are no times, though the engine would take them for later ones', () => {
  for (const text of ['2012-02-30', '2011-02-29', '2012-04-31T10:00:00Z', '2012-02-31 10:00'])
    expect(() => parseEventTime(text, 'date')).toThrow(/is no time/);
  expect(parseEventTime('2012-02-29', 'date')).toBe(Date.UTC(2012, 1, 29));
});
