import { fromZone, parseEventTime } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { checkAgrees, documentKind, parseSource, parseSystem, sourceFromJson } from '../src/mod.js';
import { canonicalSource } from '../src/source/canonical.js';

const head = 'apiVersion: perennial/v1\nkind: Source\n';

test('a source of two lines has every default, and its canonical JSON reads back as itself', () => {
  const source = parseSource(`${head}name: weather\ntime: date\n`);
  expect(source).toEqual({
    name: 'weather',
    time: { column: 'date' },
    key: [],
    late: { policy: 'take' },
    folders: [],
    s3: [],
  });
  expect(sourceFromJson(canonicalSource(source))).toEqual(source);
});

test('everything a source may say is read', () => {
  const source = parseSource(`${head}name: weather
time: { column: date, zone: America/New_York }
key: [station]
late: { watermark: 2h, policy: quarantine }
folders: [ /data/in, { path: /data/labels, kind: labels, producer: desk } ]
s3: [ { prefix: "s3://lake/weather/", producer: lake } ]
`);
  expect(source.late).toEqual({ watermarkMs: 7_200_000, policy: 'quarantine' });
  expect(source.folders).toEqual([
    { path: '/data/in', kind: 'rows', producer: 'files' },
    { path: '/data/labels', kind: 'labels', producer: 'desk' },
  ]);
  expect(source.s3).toEqual([{ prefix: 's3://lake/weather/', kind: 'rows', producer: 'lake' }]);
});

test.each([
  ['an unknown field', 'name: w\ntime: date\nkeys: [a]\n', /keys: unknown field; did you mean "key"/],
  ['a zone that does not exist', 'name: w\ntime: { column: date, zone: Mars/Base }\n', /time.zone: .*IANA/],
  ['an offset for a zone', 'name: w\ntime: { column: date, zone: "+01:00" }\n', /time.zone/],
  [
    'a policy without a watermark',
    'name: w\ntime: date\nlate: { policy: refuse }\n',
    /late.watermark: say from when/,
  ],
  ['no time column', 'name: w\n', /time: the column with the event time is missing/],
  ['a prefix without a bucket', 'name: w\ntime: date\ns3: [lake/x]\n', /s3\[0\].*s3:\/\//],
])('%s is refused by its path', (_what, yaml, message) => {
  expect(() => parseSource(head + yaml)).toThrow(message);
});

test('a document says what it is, and a slip in its kind is named', () => {
  expect(documentKind(`${head}name: x`)).toBe('Source');
  expect(() => documentKind('kind: Sourse')).toThrow(/did you mean "Source"/);
  expect(() => documentKind('- 1')).toThrow(/kind: it is missing/);
});

const system = (source: string) =>
  parseSystem(`apiVersion: perennial/v1
kind: System
name: forecast
source: ${source}
label: { column: temp_max, task: regression }
features: [ { name: temp_min } ]
gate: { metric: mae, hold-out: { last: 14 rows } }
monitor: { window: 14 rows, decay: { metric: mae, worse-than: 30% } }
`);

test('a system that reads a declared source in another way is refused by the field', () => {
  const declared = parseSource(
    `${head}name: weather\ntime: { column: date, zone: Europe/Berlin }\nkey: [a, b]\n`,
  );
  expect(() => checkAgrees(system('{ name: weather, time: date, key: [b, a] }'), declared)).not.toThrow();
  expect(() => checkAgrees(system('{ name: weather, time: day, key: [a, b] }'), declared)).toThrow(
    /source\.time/,
  );
  expect(() => checkAgrees(system('{ name: weather, time: date, key: [a] }'), declared)).toThrow(
    /source\.key/,
  );
  expect(() =>
    checkAgrees(system('{ name: weather, time: date, key: [a, b], zone: UTC }'), declared),
  ).toThrow(/source\.zone.*"Europe\/Berlin"/);
});

test('times without an offset are read on the clocks of their zone', () => {
  const at = (text: string) => new Date(parseEventTime(text, 't', 'America/New_York')).toISOString();
  expect(at('2013-01-01T05:00:00')).toBe('2013-01-01T10:00:00.000Z');
  expect(at('2013-07-01 05:00')).toBe('2013-07-01T09:00:00.000Z');
  expect(at('2013-07-01')).toBe('2013-07-01T04:00:00.000Z');
  // An offset wins over the zone, and so does epoch time.
  expect(at('2013-07-01T05:00:00+02:00')).toBe('2013-07-01T03:00:00.000Z');
  // Of the hour that comes twice the second one, in standard time.
  expect(at('2013-11-03T01:30:00')).toBe('2013-11-03T06:30:00.000Z');
  expect(() => at('2013-03-10T02:30:00')).toThrow(/never was in America\/New_York/);
  // Midnight is left out in São Paulo on that day; the day begins at one.
  expect(new Date(parseEventTime('2013-10-20', 't', 'America/Sao_Paulo')).toISOString()).toBe(
    '2013-10-20T03:00:00.000Z',
  );
  expect(fromZone(0, 'No/Zone')).toBeUndefined();
});
