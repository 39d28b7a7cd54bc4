import path from 'node:path';
import { parseSystem } from '@perennial/spec';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { buildFeatureTable } from '../../src/effects/feature-table.js';

const tables = await openTables({});
afterAll(() => tables.close());
const dir = tempDir('never-later');

/** Every kind of window over rows and labels, and lookups that can be cut. */
const system = parseSystem(`
apiVersion: perennial/v1
kind: System
name: never-later
source: { name: trips, time: at, key: [tail] }
label: { column: late, task: regression, arrives: { within: 1h } }
features:
  - { name: distance }
  - { name: recent, from: distance, window: 5h, as: sum }
  - { name: recent_closed, from: distance, window: 5h, edge: inclusive, as: median }
  - { name: stepped, from: distance, window: { hopping: 8h, every: 2h }, by: [], as: distinct }
  - { name: begun, from: distance, window: { sawtooth: 3h, every: 6h }, as: max }
  - { name: late_before, from: late, window: 12h, as: mean }
  - { name: late_last, from: late, window: { last: 2 }, as: last }
  - { name: late_first, from: late, window: 9h, by: [], as: first }
  - { name: age, lookup: planes, on: { tailnum: tail }, created: written }
  - { name: age_exclusive, lookup: planes, from: age, on: { tailnum: tail }, edge: exclusive, ttl: 10h }
gate: { metric: mae, hold-out: { last: 2 rows } }
monitor: { window: 20 rows, decay: { metric: mae, worse-than: 10% } }
`);

const hours = 48;
const cut = 30;
const startUs = Date.UTC(2024, 2, 1) * 1000;

/** Segments of two days; what is said at hours after `cut`, and of labels at it, is multiplied by `factor` and grows by rows. */
async function features(name: string, factor: number): Promise<Record<string, unknown>[]> {
  const file = (what: string) => path.join(dir, `${name}-${what}.parquet`);
  const write = (what: string, select: string) =>
    tables.run(`copy (${select}) to ${quoteText(file(what))} (format parquet)`);
  const time = `make_timestamp(${startUs}::bigint + h * 3600000000)`;
  const value = (from: number) =>
    `(case when h >= ${from} then ${factor} else 1 end * ((h * 37 + k * 11) % 23))::double`;
  const cells = `range(${hours}) a(h), range(3) b(k)`;
  const more =
    factor === 1
      ? ''
      : ` union all by name select 'more/' || h || '/' || k as _p_row_id, ${time} as _p_event_time, 't' || k as tail, 99::double as distance from ${cells} where h > ${cut}`;
  await write(
    'rows',
    `select 'r/' || h || '/' || k as _p_row_id, ${time} as _p_event_time, 't' || k as tail, ${value(cut + 1)} as distance from ${cells}${more}`,
  );
  await write(
    'labels',
    `select 'l/' || h || '/' || k as _p_row_id, ${time} as _p_event_time, 't' || k as tail, ${value(cut)} as late from ${cells}`,
  );
  const written = `make_timestamp(${startUs}::bigint + (h + k) * 3600000000)`;
  await write(
    'planes',
    `select 'p/' || h || '/' || k as _p_row_id, ${time} as _p_event_time, 't' || k as tailnum, (case when h + k > ${cut} then ${factor} else 1 end * (h + k))::double as age, ${written} as written from ${cells} where h % 5 = 0`,
  );
  const lane = await tables.lane();
  try {
    await buildFeatureTable(lane, system, {
      rows: [file('rows')],
      labels: [file('labels')],
      lookups: { planes: [file('planes')] },
    });
    return await lane.rows('select * exclude (late) from made order by all');
  } finally {
    await lane.close();
  }
}

describe('a feature', () => {
  it('never sees its own label, or what happened or was written after its row', async () => {
    const before = await features('as-it-was', 1);
    const after = await features('as-it-became', -1000);
    const isKnown = (row: Record<string, unknown>) =>
      Number(row['_p_event_time']) <= startUs / 1000 + cut * 3_600_000;
    expect(before.filter(isKnown)).toHaveLength((cut + 1) * 3);
    expect(after.filter(isKnown)).toEqual(before.filter(isKnown));
    const [later, changed] = [before, after].map((rows) =>
      rows.filter((row) => !isKnown(row) && String(row['_p_row_id']).startsWith('r/')),
    );
    for (const { name } of system.features) {
      expect(
        changed?.map((row) => row[name]),
        name,
      ).not.toEqual(later?.map((row) => row[name]));
    }
    // Each feature says something, so that equal means seen and not changed.
    for (const { name } of system.features) {
      expect(new Set(before.map((row) => row[name])).size, name).toBeGreaterThan(3);
    }
  });
});
