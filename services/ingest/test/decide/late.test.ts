import { expect, test } from 'vitest';
import { judgeLate } from '../../src/decide/late.js';
import type { Arrival } from '../../src/decide/segments-of-batch.js';

const at = (iso: string) => Date.parse(iso);
const noon = at('2024-06-01T12:00:00Z');

function arrival(time: string): Arrival {
  const row = { rowId: time, eventTime: at(time), arrivedAt: noon, values: {} };
  return { source: 's', kind: 'rows', producer: 'desk', sequence: 1, row, hold: '' };
}

function lateOf(times: readonly string[], newest?: string): string[] {
  const late = { watermarkMs: 86_400_000, policy: 'quarantine' as const };
  const source = { late, newest: newest === undefined ? undefined : at(newest) };
  const judged = judgeLate(times.map(arrival), new Map([['s', source]]), () => false);
  return judged.late.map(({ row }) => row.rowId);
}

test('up to a day ahead of the clock a row moves the watermark along, and no further', () => {
  expect(lateOf(['2024-06-02T12:00:00Z', '2024-06-01T11:59:59Z'])).toEqual(['2024-06-01T11:59:59Z']);
  expect(lateOf(['2024-06-02T12:00:00.001Z', '2024-06-01T11:59:59Z'])).toEqual([]);
});

test('after a row that is ahead the watermark stands where it stood', () => {
  const times = ['9999-01-01T00:00:00Z', '2024-05-30T23:00:00Z', '2024-05-31T00:00:00Z'];
  expect(lateOf(times, '2024-06-01T00:00:00Z')).toEqual(['2024-05-30T23:00:00Z']);
});
