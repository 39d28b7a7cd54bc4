import type { LookupFeature } from '@perennial/spec';
import { openTables, quoteText } from '@perennial/tables';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type LookupVersion, lookUp } from '../../src/decide/lookup.js';
import { lookupSql } from '../../src/sql/lookup-sql.js';

const tables = await openTables({});
afterAll(() => tables.close());

interface Version extends LookupVersion<number> {
  readonly key: string;
}
interface Probe {
  readonly key: string;
  readonly us: number;
}

const feature = (part: Partial<LookupFeature>): LookupFeature => ({
  name: 'l',
  kind: 'lookup',
  source: 's',
  from: 'x',
  on: [{ column: 'k', equals: 'k' }],
  ...part,
});

async function inDuckDb(rules: LookupFeature, versions: readonly Version[], probes: readonly Probe[]) {
  const list = (rows: string[]) => `values ${rows.join(', ')}`;
  const known = list(
    versions.map(
      ({ key, eventUs, createdUs, position, value, isDeleted }) =>
        `(${quoteText(key)}, ${eventUs}::bigint, ${createdUs}::bigint, ${value}::double, ${isDeleted}, 0, ${Number(position)})`,
    ),
  );
  const asked = list(probes.map(({ key, us }, rn) => `(${rn}, ${us}::bigint, ${quoteText(key)})`));
  const rows = await tables.rows(
    lookupSql(
      rules,
      `select * from (${known}) v(k0, us, created_us, val, dead, file, line)`,
      `(select * from (${asked}) p(rn, us, k0))`,
    ),
  );
  return rows.sort((a, b) => Number(a['rn']) - Number(b['rn'])).map((row) => row['v']);
}

const instants = fc.integer({ min: 0, max: 12 });
const keys = fc.constantFrom('a', 'b', 'c');
const rules = fc.record(
  {
    edge: fc.constantFrom<'exclusive'>('exclusive'),
    ttlMs: fc.constantFrom(0.001, 0.004),
    created: fc.constant('w'),
    cutoff: fc.constant<'none'>('none'),
  },
  { requiredKeys: [] },
);
const versions = fc
  .array(
    fc.record({
      key: keys,
      eventUs: instants,
      createdUs: fc.option(instants),
      isDeleted: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((rows) =>
    rows.map((row, at): Version => ({ ...row, position: String(at).padStart(3, '0'), value: at })),
  );
const probes = fc.array(fc.record({ key: keys, us: instants }), { minLength: 40, maxLength: 40 });

describe('a lookup', () => {
  it('finds in DuckDB what it finds here, of 12 000 random cases', async () => {
    await fc.assert(
      fc.asyncProperty(rules, versions, probes, async (part, known, asked) => {
        const here = asked.map(
          ({ key, us }) =>
            lookUp(
              feature(part),
              known.filter((version) => version.key === key),
              us,
            )?.value ?? null,
        );
        expect(await inDuckDb(feature(part), known, asked)).toEqual(here);
      }),
      { numRuns: 300, seed: 11 },
    );
  });

  it('does not depend on the order in which versions are looked at', () => {
    fc.assert(
      fc.property(rules, versions, instants, (part, known, us) => {
        const mine = known.filter(({ key }) => key === 'a');
        expect(lookUp(feature(part), [...mine].reverse(), us)).toEqual(lookUp(feature(part), mine, us));
      }),
      { numRuns: 500, seed: 12 },
    );
  });
});
