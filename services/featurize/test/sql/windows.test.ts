import type { WindowFeature } from '@perennial/spec';
import { openTables, quoteText } from '@perennial/tables';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { aggregate, type WindowValue } from '../../src/decide/aggregate.js';
import { windowBounds } from '../../src/decide/window-bounds.js';
import { windowSql } from '../../src/sql/window-sql.js';

const tables = await openTables({});
afterAll(() => tables.close());

interface Event {
  us: number;
  group: string;
  num: number | null;
  text: string | null;
}
type Probe = Pick<Event, 'us' | 'group'>;

const hour = 3_600_000;
const window = (part: Partial<WindowFeature>): WindowFeature => ({
  name: 'w',
  kind: 'window',
  from: 'x',
  window: { durationMs: 3 * hour },
  offsetMs: 0,
  by: ['g'],
  as: 'mean',
  ...part,
});

/** What the online store would find for a probe: known values of its group in the window, oldest first. */
function inWindow(feature: WindowFeature, events: readonly Event[], probe: Probe): WindowValue[] {
  const { loUs, hiUs } = windowBounds(feature, probe.us);
  const before = events.filter(
    ({ us, group, num, text }) => group === probe.group && us < hiUs && (num !== null || text !== null),
  );
  const found =
    'last' in feature.window
      ? before.slice(-feature.window.last)
      : before.filter(({ us }) => us >= (loUs as number));
  return found.map(({ num, text }) => ({ number: num, text }));
}

async function inDuckDb(
  feature: WindowFeature,
  events: readonly Event[],
  probes: readonly Probe[],
  isSame: boolean,
): Promise<unknown[]> {
  const isText = events.some(({ text }) => text !== null);
  const cell = (value: number | string | null, type: string) =>
    value === null ? `null::${type}` : typeof value === 'string' ? quoteText(value) : `'${value}'::${type}`;
  const list = (rows: string[], empty: string) =>
    rows.length ? rows.join(' union all ') : `${empty} where false`;
  const eventRow = (event: Event, seq: number) =>
    `select ${event.us}::bigint as us, ${seq} as seq, ${seq} as rn, ${cell(event.num, 'double')} as num,
     ${isText ? cell(event.text, 'varchar') : cell(event.num, 'double')} as val, ${quoteText(event.group)} as b0`;
  const probeRow = (probe: Probe, rn: number) =>
    `select ${rn} as rn, ${probe.us}::bigint as us, ${quoteText(probe.group)} as b0`;
  const empty = { us: 0, group: '', num: 0, text: null };
  const known = `(${list(events.map(eventRow), eventRow(empty, 0))})`;
  const rows = await tables.rows(
    windowSql(feature, {
      events: isSame ? known : `(select * exclude (rn) from ${known} where val is not null)`,
      probes: isSame ? known : `(${list(probes.map(probeRow), probeRow(empty, 0))})`,
    }),
  );
  return rows.sort((a, b) => Number(a['rn']) - Number(b['rn'])).map((row) => row['v']);
}

const times = fc.integer({ min: 0, max: 40 }).map((quarters) => quarters * 900_000_000);
const groups = fc.constantFrom('a', 'b');
const numbers = fc.oneof(
  fc.constantFrom(null, 0, 0.1, 0.2, 12.8, -3.9, 1e-12, 1e15, 1e300, 7),
  // Both zeros are one number: `numberSql` sees to it.
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map((number) => number + 0),
);
const textEvents = fc.array(
  fc.record({
    us: times,
    group: groups,
    num: fc.constant(null),
    text: fc.constantFrom(null, 'SEA', 'PDX', 'GEG'),
  }),
  { maxLength: 20 },
);
const numberEvents = fc.array(
  fc.record({ us: times, group: groups, num: numbers, text: fc.constant(null) }),
  {
    maxLength: 30,
  },
);
const inTime = (events: Event[]) => [...events].sort((a, b) => a.us - b.us);
const aggregates: Pick<WindowFeature, 'as' | 'quantile'>[] = [
  ...(
    ['mean', 'sum', 'count', 'min', 'max', 'std', 'last', 'first', 'distinct', 'var', 'var-pop'] as const
  ).map((as) => ({ as })),
  ...[0, 0.37, 0.5, 0.9, 1].map((quantile) => ({ as: 'quantile' as const, quantile })),
];
const features = fc
  .tuple(
    fc.constantFrom<WindowFeature['window']>(
      { durationMs: hour },
      { durationMs: 3 * hour },
      { last: 1 },
      { last: 4 },
      { durationMs: hour, everyMs: hour },
      { durationMs: 3 * hour, everyMs: hour / 2 },
      { durationMs: 0, fromEveryMs: 2 * hour },
      { durationMs: 2 * hour, fromEveryMs: hour },
    ),
    fc.constantFrom(0, hour),
    fc.constantFrom(...aggregates),
    fc.constantFrom<Pick<WindowFeature, 'edge'>>({}, { edge: 'inclusive' }),
  )
  .map(([window, offsetMs, as, edge]) => ({ window, offsetMs, ...as, ...edge }));

describe('a window', () => {
  it('gives online to the last bit what it gives offline, for whoever asks', async () => {
    await fc.assert(
      fc.asyncProperty(
        features,
        fc.oneof(numberEvents, textEvents).map(inTime),
        fc.array(fc.record({ us: times, group: groups }), { minLength: 1, maxLength: 8 }),
        async (part, events, probes) => {
          const feature = window(part);
          const online = probes.map((probe) => aggregate(feature, inWindow(feature, events, probe)));
          expect(await inDuckDb(feature, events, probes, false)).toEqual(online);
        },
      ),
      { numRuns: 1500, seed: 7 },
    );
  });

  it('of a row sees the other rows before it and never itself, unless its edge is inclusive', async () => {
    await fc.assert(
      fc.asyncProperty(features, numberEvents.map(inTime), async (part, events) => {
        const feature = window(part);
        const online = events.map((event) => aggregate(feature, inWindow(feature, events, event)));
        expect(await inDuckDb(feature, events, events, true)).toEqual(online);
      }),
      { numRuns: 800, seed: 8 },
    );
  });

  it('adds without losing: the mean does not depend on what came between', () => {
    const values = [1e15, 0.1, -1e15, 0.2].map((number) => ({ number, text: null }));
    const sum = aggregate({ as: 'sum' }, values);
    expect(sum).toBe(aggregate({ as: 'sum' }, [...values].reverse()));
    expect(sum).toBeCloseTo(0.3, 15);
  });
});
