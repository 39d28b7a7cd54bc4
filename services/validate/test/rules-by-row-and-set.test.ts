import { join } from 'node:path';
import { type ColumnSchema, parseExpression, type SchemaDocument } from '@perennial/spec';
import { openTables, quoteText, type Tables, writeRows } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { declaredRules, type KeyLookup, readRow, readTable } from '../src/rules/declared.js';
import type { ColumnType, Value } from '../src/schema/value.js';

let tables: Tables;
const dir = tempDir('rules');
beforeAll(async () => {
  tables = await openTables({});
});
afterAll(() => tables?.close());

const texts = [
  ...[
    '',
    ' ',
    '  7',
    '7',
    '-1.5e3',
    '1e400',
    'NA',
    '?',
    'true',
    'false',
    'Yes',
    'no',
    '1',
    '0',
    'a',
    'b',
    ' a ',
  ],
  ...[
    '[1, 2]',
    '[]',
    '[1',
    '{"a": 1}',
    'x@y.zz',
    '10.0.0.256',
    '10.0.0.1',
    'https://x.y/z',
    '0042',
    'ff',
    "it's",
  ],
  ...[
    '2021-02-30',
    '2021-02-28',
    '2021-02-28 23:59:59',
    '2021-02-28T23:00:00+05:30',
    '2021-02-28T10:00-08',
    '0013-01-01T09:00:00',
    '0001-01-01',
    '0000-12-31',
    '0001-01-01T00:00:00+05:00',
    '9999-12-31T23:59:59.999999-12:00',
    '9999-12-31T23:59:59.999999999',
    '+275760-09-13',
    '1500-02-29',
    '\n',
  ],
  ...['550e8400-e29b-41d4-a716-446655440000', '::1', '\u00e4', '\ud83d\ude00'],
];
const cellsOf: Readonly<Record<ColumnType, fc.Arbitrary<Value>>> = {
  text: fc.option(fc.oneof(fc.constantFrom(...texts), fc.string({ maxLength: 6 })), { freq: 5 }),
  number: fc.option(
    fc.oneof(
      fc.constantFrom(0, 1, -1, 0.5, 7, 1e300, Number.NaN, Number.POSITIVE_INFINITY),
      fc.integer({ min: -20, max: 20 }),
    ),
    { freq: 5 },
  ),
  boolean: fc.option(fc.boolean(), { freq: 5 }),
};

const formats = [
  'email',
  'uuid',
  'url',
  'date',
  'datetime',
  'ipv4',
  'ipv6',
  'digits',
  'hex',
  'json',
] as const;
const bound = fc.option(fc.integer({ min: -10, max: 10 }), { nil: undefined });
const columnOf = fc
  .record({
    type: fc.constantFrom('number', 'integer', 'boolean', 'text', 'time', 'list'),
    presence: fc.constantFrom(undefined, { minFraction: 1 }, { minFraction: 0.5 }),
    trim: fc.constantFrom(undefined, true),
    missingAs: fc.constantFrom(undefined, ['NA', '?'], ['', 'NA']),
    spelled: fc.constantFrom(undefined, { true: ['Yes', '1'], false: ['no', '0'] }),
    low: bound,
    high: bound,
    hasDomain: fc.boolean(),
    format: fc.option(fc.constantFrom(...formats), { nil: undefined }),
    valency: fc.constantFrom(undefined, { min: 1, max: 1 }, { shape: [2] }),
  })
  .map(({ type, low, high, hasDomain, format, valency, ...rest }): ColumnSchema => {
    const isNumber = type === 'number' || type === 'integer';
    const range = { ...(low !== undefined && { low }), ...(high !== undefined && { high }) };
    const times = { low: Date.parse('2021-02-28T12:00Z'), high: Date.parse('2021-03-01') };
    const values = isNumber ? [0, 1, 7] : type === 'boolean' ? [true] : ['a', '7', '', "it's", '[]'];
    const column = {
      ...rest,
      type: type as ColumnSchema['type'],
      range: isNumber ? range : type === 'time' ? times : undefined,
      domain: hasDomain ? { values, closed: true } : undefined,
      // A schema may ask it of texts and times; what is neither is never asked.
      format,
      valency: type === 'list' ? valency : undefined,
    };
    return Object.fromEntries(
      Object.entries(column).filter(([, value]) => value !== undefined),
    ) as ColumnSchema;
  });

const operand = fc.constantFrom(
  'c0',
  'c1',
  'c2',
  '0',
  '7',
  "'a'",
  'abs(c0)',
  'length(c1)',
  'c0 + c2',
  'null',
);
const condition = fc
  .letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .tuple(operand, fc.constantFrom('=', '<>', '<', '<=', '>', '>='), operand)
        .map(([a, operator, b]) => `${a} ${operator} ${b}`),
      fc.constantFrom('c0 is null', 'c1 is not null', "c1 in ('a', '7', null)", 'c2 in (0, 1)', 'c2'),
      fc
        .tuple(tie('node'), fc.constantFrom('and', 'or'), tie('node'))
        .map(([a, word, b]) => `(${a}) ${word} (${b})`),
      tie('node').map((a) => `not (${a})`),
    ),
  }))
  .node.filter((text) => isGood(() => parseExpression(text, 'rule').type !== 'number'));

/** Rules that are no expressions, or set a number beside a text, are refused when they are written. */
function isGood(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}

const verified = ['a', '7', '1.0', '0.0', 'true', '[]'];
const has: KeyLookup = (_, key) => key.every((value) => verified.includes(asText(value)));
const asText = (value: unknown) =>
  typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e15
    ? `${value}.0`
    : String(value);

const world = fc.record({
  physical: fc.tuple(
    ...[0, 1, 2].map(() => fc.constantFrom<ColumnType>('text', 'number', 'boolean')),
  ) as unknown as fc.Arbitrary<ColumnType[]>,
  columns: fc.array(columnOf, { minLength: 3, maxLength: 3 }),
  rules: fc.array(fc.tuple(condition, fc.option(condition, { nil: undefined })), {
    minLength: 4,
    maxLength: 4,
  }),
});

test('a row in memory and the same row in a segment break the same rules: 10,000 random ones', async () => {
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(world, fc.gen(), async ({ physical, columns, rules }, gen) => {
      const rows = Array.from({ length: 25 }, (_, i) => ({
        rowId: String(i),
        eventTime: i,
        values: Object.fromEntries(physical.map((type, at) => [`c${at}`, gen(() => cellsOf[type])])),
      }));
      const document: SchemaDocument = {
        source: 'world',
        of: 'rows',
        columns: Object.fromEntries(columns.map((column, at) => [`c${at}`, column])),
        rules: [
          ...rules.map(([expr, when], at) => ({
            name: `rule-${at}`,
            expr,
            severity: 'quarantine' as const,
            ...(when !== undefined && { when }),
          })),
          {
            name: 'known',
            severity: 'hold' as const,
            references: { columns: ['c0'], source: 'elsewhere', to: ['id'] },
          },
        ],
        dataset: {},
      };
      const good = document.rules.filter((rule) =>
        isGood(() => declaredRules({ ...document, rules: [rule] }, has).length > 0),
      );
      const declared = declaredRules({ ...document, rules: good }, has);
      const path = join(dir, 'segment.parquet');
      const types = { text: 'VARCHAR', number: 'DOUBLE', boolean: 'BOOLEAN' } as const;
      await writeRows(
        tables,
        path,
        physical.map((type, at) => ({ name: `c${at}`, type: types[type] })),
        rows.map((row) => Object.values(row.values).map((value) => value ?? null)),
      );
      const table = readTable(
        document,
        new Map(physical.map((type, at) => [`c${at}`, type])),
        () => `select unnest([${verified.map(quoteText).join(', ')}])`,
      );
      const sets = await tables.rows(
        `select ${declared.map((rule, i) => `${rule.condition(table)} as b${i}`).join(', ')} from read_parquet(${quoteText(path)})`,
      );
      for (const [at, row] of rows.entries()) {
        const read = readRow(row, document);
        for (const [i, rule] of declared.entries()) {
          asked++;
          expect([rule.rule, rule.column, row.values, rule.breaks(read)]).toEqual([
            rule.rule,
            rule.column,
            row.values,
            sets[at]?.[`b${i}`],
          ]);
        }
      }
    }),
    { numRuns: 120 },
  );
  expect(asked).toBeGreaterThan(10_000);
}, 120_000);
