import { readFileSync } from 'node:fs';
import type { LookupFeature, WindowFeature } from '@perennial/spec';
import { openTables, quoteText } from '@perennial/tables';
import { realData, withoutRealData } from '@perennial/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { aggregate, type WindowValue } from '../../src/decide/aggregate.js';
import { type LookupVersion, lookUp } from '../../src/decide/lookup.js';
import { windowBounds } from '../../src/decide/window-bounds.js';
import { lookupSql } from '../../src/sql/lookup-sql.js';
import { windowSql } from '../../src/sql/window-sql.js';

const tables = await openTables({});
afterAll(() => tables.close());

const joinFile = realData('reference/pit_join.json');
const windowFile = realData('reference/pit_windows.json');
const hoursFile = realData('bike_sharing/hour.csv');
const isAbsent = !joinFile || !windowFile || !hoursFile;
const source = isAbsent ? `(skipped: ${withoutRealData})` : '(published figures)';
const secondUs = 1_000_000;

interface JoinCase {
  readonly features: {
    entity: string;
    event_ts: number;
    created_ts: number;
    value: number;
    dead: boolean;
  }[];
  readonly entity_rows: { entity: string; ts: number }[];
  readonly expected: Record<string, ({ value: number; event_ts: number; created_ts: number } | null)[]>;
}

describe.skipIf(isAbsent)(`the reference ${source} of point-in-time joins`, () => {
  const { features: log, entity_rows: asked, expected } = isAbsent ? empty : readJson<JoinCase>(joinFile);
  const modes = Object.keys(expected);

  it('has 13 modes', () => expect(modes).toHaveLength(13));

  it.each(modes)('is met in the mode "%s", here and in DuckDB', async (mode) => {
    const rules = rulesOf(mode);
    const answers = expected[mode]?.map((answer) => answer?.value ?? null);
    const versions = log.map((row, at) => ({
      key: row.entity,
      eventUs: row.event_ts * secondUs,
      createdUs: row.created_ts * secondUs,
      position: String(at).padStart(6, '0'),
      value: row.value,
      isDeleted: rules.deleted !== undefined && row.dead,
    }));
    const here = asked.map(({ entity, ts }) => {
      const mine = versions.filter(({ key }) => key === entity);
      return lookUp(rules, mine as LookupVersion<number>[], ts * secondUs)?.value ?? null;
    });
    expect(here).toEqual(answers);
    const known = versions.map(
      (one, line) =>
        `(${quoteText(one.key)}, ${one.eventUs}::bigint, ${one.createdUs}::bigint, ${one.value}::double, ${one.isDeleted}, 0, ${line})`,
    );
    const probes = asked.map(
      ({ entity, ts }, rn) => `(${rn}, ${ts * secondUs}::bigint, ${quoteText(entity)})`,
    );
    const rows = await tables.rows(
      `select v from (${lookupSql(
        rules,
        `select * from (values ${known.join(', ')}) v(k0, us, created_us, val, dead, file, line)`,
        `(select * from (values ${probes.join(', ')}) p(rn, us, k0))`,
      )}) order by rn`,
    );
    expect(rows.map(({ v }) => v)).toEqual(answers);
  });
});

/** `inclusive ttl=100 created<=ts tombstones` */
function rulesOf(mode: string): LookupFeature {
  const ttl = /ttl=(\d+)/.exec(mode)?.[1];
  return {
    name: 'l',
    kind: 'lookup',
    source: 's',
    from: 'value',
    on: [{ column: 'entity', equals: 'entity' }],
    created: 'created_ts',
    ...(mode.startsWith('exclusive') && { edge: 'exclusive' as const }),
    ...(ttl !== undefined && { ttlMs: Number(ttl) * 1_000 }),
    ...(mode.includes('no cutoff') && { cutoff: 'none' as const }),
    ...(mode.includes('tombstones') && { deleted: 'dead' }),
  };
}

const hourMs = 3_600_000;
/** Durations by their names there, and the step of the windows that have one. */
const spans: Record<string, { durationMs: number; stepMs: number }> = {
  '6h': { durationMs: 6 * hourMs, stepMs: hourMs / 12 },
  '24h': { durationMs: 24 * hourMs, stepMs: hourMs },
  '14d': { durationMs: 14 * 24 * hourMs, stepMs: 24 * hourMs },
};
const kinds: Record<string, (span: { durationMs: number; stepMs: number }) => Part> = {
  sliding_open_right: ({ durationMs }) => ({ window: { durationMs } }),
  sliding_closed_right: ({ durationMs }) => ({ window: { durationMs }, edge: 'inclusive' }),
  hopping: ({ durationMs, stepMs }) => ({ window: { durationMs, everyMs: stepMs } }),
  sawtooth: ({ durationMs, stepMs }) => ({ window: { durationMs, fromEveryMs: stepMs } }),
};
const aggregates: Record<string, Pick<WindowFeature, 'as' | 'quantile'> & { of?: 'weathersit' }> = {
  count: { as: 'count' },
  sum: { as: 'sum' },
  mean: { as: 'mean' },
  min: { as: 'min' },
  max: { as: 'max' },
  var_ddof0: { as: 'var-pop' },
  distinct_weathersit: { as: 'distinct', of: 'weathersit' },
  last: { as: 'last' },
  p50_linear: { as: 'quantile', quantile: 0.5 },
  p90_linear: { as: 'quantile', quantile: 0.9 },
};
type Part = Pick<WindowFeature, 'window' | 'edge'>;
type WindowCase = {
  queries: ({ ts: number } & Record<string, Record<string, Record<string, number | null>>>)[];
};

describe.skipIf(isAbsent)(`the reference ${source} of windows`, () => {
  const { queries } = isAbsent ? { queries: [] } : readJson<WindowCase>(windowFile);

  it.each(Object.keys(kinds))('that are %s is met by ten aggregates, here and in DuckDB', async (kind) => {
    const bike = await bikeHours();
    let compared = 0;
    for (const [span, length] of Object.entries(spans)) {
      for (const [name, { of, ...as }] of Object.entries(aggregates)) {
        const feature = window({ ...kinds[kind]?.(length), ...as } as Partial<WindowFeature>);
        const column = of ?? 'cnt';
        const rows = await tables.rows(
          `select v from (${windowSql(feature, {
            events: `(select us, seq, ${column} as num, ${column} as val from bike)`,
            probes: `(select * from (values ${queries.map(({ ts }, rn) => `(${rn}, ${ts * secondUs}::bigint)`).join(', ')}) p(rn, us))`,
          })}) order by rn`,
        );
        for (const [at, query] of queries.entries()) {
          const wanted = query[span]?.[kind]?.[name] ?? null;
          const here = aggregate(feature, inWindow(feature, bike, query.ts * secondUs, column));
          expect(rows[at]?.['v'], `${name} of ${span} at ${query.ts}`).toEqual(here);
          near(here, wanted, `${name} of ${span} at ${query.ts}`);
          compared += 1;
        }
      }
    }
    expect(compared).toBe(queries.length * 30);
  });
});

type Hour = { us: number; cnt: number; weathersit: number };

async function bikeHours(): Promise<Hour[]> {
  await tables.run(
    `create or replace temp table bike as select epoch_us(dteday::timestamp) + hr * 3600000000 as us,
       row_number() over (order by dteday, hr) as seq, cnt::double as cnt, weathersit::double as weathersit
     from read_csv(${quoteText(hoursFile as string)})`,
  );
  return (await tables.rows('select us, cnt, weathersit from bike order by us')) as unknown as Hour[];
}

function inWindow(
  feature: WindowFeature,
  hours: Hour[],
  us: number,
  column: 'cnt' | 'weathersit',
): WindowValue[] {
  const { loUs, hiUs } = windowBounds(feature, us);
  return hours
    .filter((hour) => hour.us >= (loUs as number) && hour.us < hiUs)
    .map((hour) => ({ number: hour[column], text: null }));
}

function window(part: Partial<WindowFeature>): WindowFeature {
  return {
    name: 'w',
    kind: 'window',
    from: 'cnt',
    window: { durationMs: hourMs },
    offsetMs: 0,
    by: [],
    as: 'sum',
    ...part,
  };
}

function near(found: unknown, wanted: number | null, what: string): void {
  if (wanted === null) expect(found, what).toBeNull();
  else expect(Math.abs((found as number) - wanted) / Math.max(1, Math.abs(wanted)), what).toBeLessThan(1e-9);
}

const empty: JoinCase = { features: [], entity_rows: [], expected: {} };

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}
