import { evaluateExpression, expressionToSql, parseExpression } from '@perennial/spec';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openTables, quoteIdentifier, quoteText } from '../src/mod.js';

const tables = await openTables({});
afterAll(() => tables.close());

type Row = { x: number | null; y: number | null; s: string | null; b: boolean | null; t: number | null };

const rows = fc.record<Row>({
  x: fc.oneof(fc.constantFrom(null, 0, -0, 1, -1, 0.5, -2.5, Number.NaN), fc.double({ min: -1e6, max: 1e6 })),
  y: fc.oneof(fc.constantFrom(null, 0, 2, -3, 10), fc.integer({ min: -50, max: 50 })),
  s: fc.constantFrom(
    null,
    '',
    'SEA',
    'sea',
    'Zoë',
    '12.5',
    ' 7 ',
    '-.5',
    '+3',
    '1e3',
    'true',
    'no',
    '2012-03-04',
    '2012-02-29T23:59:58Z',
  ),
  b: fc.constantFrom(null, true, false),
  t: fc.oneof(fc.constant(null), fc.integer({ min: -1e12, max: 4e12 })),
});

const { numbers, texts, conditions } = fc.letrec<{ numbers: string; texts: string; conditions: string }>(
  (tie) => ({
    numbers: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('x', 'y', 's', '0', '1', '2.5', '1e2', '-3', 'absent'),
      fc
        .tuple(tie('numbers'), fc.constantFrom('+', '-', '*', '/', '%'), tie('numbers'))
        .map(([a, o, b]) => `(${a} ${o} ${b})`),
      fc
        .tuple(fc.constantFrom('abs', 'floor', 'ceil', 'round', 'sqrt'), tie('numbers'))
        .map(([f, a]) => `${f}(${a})`),
      fc
        .tuple(fc.constantFrom('greatest', 'least', 'coalesce', 'nullif'), tie('numbers'), tie('numbers'))
        .map(([f, a, b]) => `${f}(${a} + 0, ${b})`),
      fc
        .tuple(tie('conditions'), tie('numbers'), tie('numbers'))
        .map(([c, a, b]) => `case when ${c} then ${a} + 0 else ${b} end`),
      fc
        .constantFrom('year', 'month', 'day', 'hour', 'minute', 'dayofweek', 'dayofyear')
        .map((f) => `${f}(t)`),
      fc.constantFrom('month(s)', 'hour(s)', 'round(x, 2)', 'round(x, -1)', '- x', 'length(upper(s))'),
    ),
    texts: fc.oneof(
      fc.constantFrom(
        's',
        "'SEA'",
        "'it''s'",
        'lower(s)',
        'upper(s)',
        "coalesce(s, 'none')",
        "nullif(s, '')",
      ),
    ),
    conditions: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(
        'b',
        'true',
        'false',
        "s in ('SEA', '12.5')",
        "s not in ('SEA', null)",
        'x in (0, 1, y)',
        's is null',
        'x is not null',
        "t >= '2001-01-01'",
      ),
      fc
        .tuple(tie('numbers'), fc.constantFrom('=', '<>', '<', '<=', '>', '>='), tie('numbers'))
        .map(([a, o, b]) => `${a} + 0 ${o} ${b}`),
      fc
        .tuple(tie('texts'), fc.constantFrom('=', '!=', '<', '>'), tie('texts'))
        .map(([a, o, b]) => `lower(${a}) ${o} ${b}`),
      fc
        .tuple(tie('conditions'), fc.constantFrom('and', 'or'), tie('conditions'))
        .map(([a, o, b]) => `(${a} ${o} ${b})`),
      tie('conditions').map((c) => `not ${c}`),
    ),
  }),
);

async function inDuckDb(text: string, row: Row): Promise<unknown> {
  const expression = parseExpression(text, 'expr');
  const sql = expressionToSql(expression, (name) => (name in row ? quoteIdentifier(name) : 'null'));
  const text_ = row.s === null ? 'null' : quoteText(row.s);
  const time = row.t === null ? 'null' : `make_timestamp(${row.t} * 1000)`;
  const number = (value: number | null) =>
    value === null ? 'null' : Number.isNaN(value) ? "'nan'" : Object.is(value, -0) ? "'-0.0'" : String(value);
  const [cells] = await tables.rows(
    `select ${sql} as v from (select ${number(row.x)}::double as x, ${number(row.y)}::double as y, ${text_}::varchar as s,
     ${row.b}::boolean as b, ${time}::timestamp as t)`,
  );
  return cells?.['v'];
}

const inJs = (text: string, row: Row) =>
  evaluateExpression(parseExpression(text, 'expr'), { ...row, t: row.t === null ? null : new Date(row.t) });

describe('an expression', () => {
  it('gives the same value for a row here and in DuckDB, null and NaN included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(numbers, texts, conditions), rows, async (text, row) => {
        const [js, duck] = [inJs(text, row), await inDuckDb(text, row)];
        // Both zeros are one number.
        expect(js === 0 ? 0 : js).toEqual(duck === 0 ? 0 : duck);
      }),
      { numRuns: 1500, seed: 4 },
    );
  });

  it('of ln, log10, exp and power agrees to within two units of the last place, and gives null outside the domain', async () => {
    const samples = [-1, 0, 1e-9, 0.3, 1, 2.5, 700, 1e300, Number.NaN, null];
    for (const x of samples) {
      for (const text of ['ln(x)', 'log10(x)', 'exp(x)', 'power(x, 2.5)', 'power(x, y)', 'power(y, x)']) {
        const row: Row = { x, y: 3, s: null, b: null, t: null };
        const [js, duck] = [inJs(text, row), await inDuckDb(text, row)];
        if (typeof js === 'number' && Number.isFinite(js) && js !== 0) {
          expect(Math.abs(((duck as number) - js) / js), `${text} of ${x}`).toBeLessThan(2 ** -51);
        } else expect(js, `${text} of ${x}`).toEqual(duck);
      }
    }
  });
});
