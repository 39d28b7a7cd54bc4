import { withstands } from '@perennial/testkit';
import { expect, it } from 'vitest';
import { CsvReader, parseDuration, parseEventTime, parseGlob } from '../src/mod.js';

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

it('CSV is read or refused, whatever it is', async () => {
  const seeds = ['a,b\n1,"x ""y"""\r\n2,\n', 'when;what\n2026-01-01T00:00:00Z;"two\nlines"\n'];
  const seen = await withstands(seeds, (bytes) => {
    const reader = new CsvReader(',');
    return [...reader.add(textOf(bytes)), ...reader.end()];
  });
  expect(seen.refused).toBeGreaterThan(0);
});

it('moments, durations and patterns of files are read or refused', async () => {
  const moments = [
    '2026-11-25T07:46:08.123456Z',
    '2026-11-25 07:46',
    '1764056768',
    '2026-11-25T07:46:08+05:30',
  ];
  const times = await withstands(moments, (bytes) => parseEventTime(textOf(bytes), 'when', 'Europe/Berlin'));
  const durations = await withstands(['90s', '15m', '7d', '1h30m'], (bytes) =>
    parseDuration(textOf(bytes), 'wait'),
  );
  const globs = await withstands(['data/**/*.{csv,parquet}', 'a?[b-d]/*'], (bytes) =>
    parseGlob(textOf(bytes)),
  );
  for (const seen of [times, durations]) expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(0);
  expect(globs.read).toBeGreaterThan(0);
});
