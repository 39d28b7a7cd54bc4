import type { ColumnSchema, DatasetSchema, RowRule, SchemaDocument } from '@perennial/spec';
import { parseSchema } from '@perennial/spec';
import { expect, test } from 'vitest';
import { checkRows } from '../../src/anomalies/check-rows.js';
import { compareSets } from '../../src/anomalies/compare.js';
import { judgeDataset } from '../../src/anomalies/judge-dataset.js';
import { judgeSet } from '../../src/anomalies/judge-set.js';
import type { AnomalyType } from '../../src/anomalies/types.js';
import { Watch } from '../../src/anomalies/watch.js';
import { profileAdd } from '../../src/profile/profile.js';
import { profileRows } from '../../src/profile/profile-rows.js';
import { noKnowledge } from '../../src/rules/judge-segment.js';
import type { JudgedRow, Value } from '../../src/schema/value.js';

type Cells = Record<string, Value>;
interface World {
  columns?: Record<string, ColumnSchema>;
  rules?: RowRule[];
  dataset?: DatasetSchema;
}

const by = 'ann';
const document = ({ columns = {}, rules = [], dataset = {} }: World): SchemaDocument => ({
  ...{ source: 'shop', of: 'rows', rules, dataset },
  columns: Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, { ...column, by }])),
});
const judged = (cells: readonly Cells[], stepMs = 3_600_000): JudgedRow[] =>
  cells.map((values, i) => ({ rowId: String(i), eventTime: i * stepMs, values }));
const many = (count: number, cell: (i: number) => Value): Cells[] =>
  Array.from({ length: count }, (_, i) => ({ x: cell(i) }));

/** What is called odd about rows by a schema that somebody wrote. */
function typesOf(world: World, cells: readonly Cells[]): (string | undefined)[] {
  const known = { ...noKnowledge, accepted: document(world) };
  const context = {
    known,
    training: undefined,
    environment: 'training' as const,
    now: Date.parse('2100-01-01'),
  };
  return checkRows(cells, context).reasons.map(({ type }) => type);
}

const x = (column: ColumnSchema): World => ({ columns: { x: column } });
const spelled = { true: ['yes', '1'], false: ['no', '0'] };
const list = (...values: unknown[]): Value => JSON.stringify(values);

/** Type, schema, rows that raise it, rows that do not. */
const ofRows: [AnomalyType, World, Cells[], Cells[]][] = [
  ['BOOL_TYPE_BIG_INT', x({ type: 'boolean', spelled }), [{ x: 2 }], [{ x: 1 }, { x: 0 }]],
  ['BOOL_TYPE_SMALL_INT', x({ type: 'boolean', spelled }), [{ x: -1 }], [{ x: 0 }]],
  ['BOOL_TYPE_UNEXPECTED_STRING', x({ type: 'boolean', spelled }), [{ x: 'maybe' }], [{ x: 'yes' }]],
  ['BOOL_TYPE_UNEXPECTED_FLOAT', x({ type: 'boolean', spelled }), [{ x: 0.5 }], [{ x: true }]],
  ['BOOL_TYPE_INT_NOT_STRING', x({ type: 'boolean' }), [{ x: 1 }], [{ x: 'true' }]],
  [
    'ENUM_TYPE_UNEXPECTED_STRING_VALUES',
    x({ type: 'text', domain: { values: ['a', 'b'], closed: true } }),
    [{ x: 'c' }],
    [{ x: 'a' }],
  ],
  [
    'ENUM_TYPE_UNEXPECTED_STRING_VALUES',
    x({ type: 'text', domain: { values: ['a', 'b'], closed: false, minMass: 0.9 } }),
    many(10, (i) => (i < 3 ? 'c' : 'a')),
    many(10, (i) => (i < 1 ? 'c' : 'a')),
  ],
  [
    'ENUM_TYPE_INVALID_UTF8',
    x({ type: 'text', domain: { values: ['Zürich'], closed: true } }),
    [{ x: 'Z\ufffdrich' }],
    [{ x: 'Zürich' }],
  ],
  [
    'FEATURE_TYPE_LOW_FRACTION_PRESENT',
    x({ type: 'number', presence: { minFraction: 0.8 } }),
    many(10, (i) => (i < 3 ? null : i)),
    many(10, (i) => (i < 2 ? null : i)),
  ],
  [
    'FEATURE_TYPE_LOW_NUMBER_PRESENT',
    x({ type: 'number', presence: { minCount: 5 } }),
    many(10, (i) => (i < 4 ? i : null)),
    many(10, (i) => (i < 5 ? i : null)),
  ],
  [
    'FEATURE_TYPE_NOT_PRESENT',
    x({ type: 'number', presence: { minFraction: 0.5 } }),
    many(4, () => null),
    many(4, (i) => i),
  ],
  [
    'SCHEMA_MISSING_COLUMN',
    { columns: { x: { type: 'number', presence: { minFraction: 0.5 } }, y: { type: 'number' } } },
    [{ y: 1 }],
    [{ x: 1, y: 1 }],
  ],
  ['SCHEMA_NEW_COLUMN', x({ type: 'number' }), [{ x: 1, z: 2 }], [{ x: 1 }]],
  [
    'FEATURE_TYPE_HIGH_NUMBER_VALUES',
    x({ type: 'list', valency: { max: 2 } }),
    [{ x: list(1, 2, 3) }],
    [{ x: list(1) }],
  ],
  [
    'FEATURE_TYPE_LOW_NUMBER_VALUES',
    x({ type: 'list', valency: { min: 2 } }),
    [{ x: list(1) }],
    [{ x: list(1, 2) }],
  ],
  ['FEATURE_TYPE_NO_VALUES', x({ type: 'list', valency: { min: 1 } }), [{ x: list() }], [{ x: list(1) }]],
  [
    'INVALID_FEATURE_SHAPE',
    x({ type: 'list', valency: { shape: [2] } }),
    [{ x: list(1) }],
    [{ x: list(1, 2) }],
  ],
  [
    'INVALID_FEATURE_SHAPE',
    x({ type: 'list', valency: { shape: [2, 2] } }),
    [{ x: list([1, 2], [3]) }],
    [{ x: list([1, 2], [3, 4]) }],
  ],
  [
    'VALUE_NESTEDNESS_MISMATCH',
    x({ type: 'list', valency: { shape: [2] } }),
    [{ x: list([1], [2]) }],
    [{ x: list(1, 2) }],
  ],
  ['FEATURE_TYPE_UNEXPECTED_REPEATED', x({ type: 'number' }), [{ x: list(1, 2) }], [{ x: '1' }]],
  [
    'FEATURE_TYPE_HIGH_UNIQUE',
    x({ type: 'text', distinct: { max: 2 } }),
    many(6, (i) => `v${i % 3}`),
    many(6, (i) => `v${i % 2}`),
  ],
  [
    'FEATURE_TYPE_LOW_UNIQUE',
    x({ type: 'number', distinct: { min: 3 } }),
    many(6, (i) => i % 2),
    many(6, (i) => i % 3),
  ],
  [
    'FEATURE_TYPE_NO_UNIQUE',
    x({ type: 'number', distinct: { min: 1 } }),
    many(3, () => null),
    many(3, (i) => i),
  ],
  [
    'DUPLICATE_VALUES',
    x({ type: 'text', distinct: { unique: true } }),
    many(6, (i) => `v${i % 5}`),
    many(6, (i) => `v${i}`),
  ],
  ['FLOAT_TYPE_BIG_FLOAT', x({ type: 'number', range: { high: 1 } }), [{ x: 1.5 }], [{ x: 1 }]],
  ['FLOAT_TYPE_SMALL_FLOAT', x({ type: 'number', range: { low: 0 } }), [{ x: -0.5 }], [{ x: 0 }]],
  ['FLOAT_TYPE_STRING_NOT_FLOAT', x({ type: 'number' }), [{ x: 'many' }], [{ x: '1.5' }]],
  ['FLOAT_TYPE_HAS_NAN', x({ type: 'number' }), [{ x: Number.NaN }], [{ x: null }]],
  ['FLOAT_TYPE_HAS_INF', x({ type: 'number' }), [{ x: Number.NEGATIVE_INFINITY }], [{ x: -1e300 }]],
  ['INT_TYPE_BIG_INT', x({ type: 'integer', range: { high: 9 } }), [{ x: 10 }], [{ x: 9 }]],
  ['INT_TYPE_SMALL_INT', x({ type: 'integer', range: { low: 1 } }), [{ x: 0 }], [{ x: 1 }]],
  ['INT_TYPE_NOT_INT_STRING', x({ type: 'integer' }), [{ x: '7.5' }], [{ x: '7' }]],
  ['INT_TYPE_INT_EXPECTED', x({ type: 'integer' }), [{ x: 7.5 }], [{ x: 7 }]],
  ['STRING_TYPE_NOW_INT', x({ type: 'text' }), [{ x: 7 }], [{ x: '7' }]],
  ['STRING_TYPE_NOW_FLOAT', x({ type: 'text' }), [{ x: 7.5 }], [{ x: '7.5' }]],
  ['UNEXPECTED_DATA_TYPE', x({ type: 'number' }), [{ x: true }], [{ x: 1 }]],
  ['UNEXPECTED_DATA_TYPE', x({ type: 'time' }), [{ x: 'soon' }], [{ x: '2024-02-29' }]],
  [
    'TIME_OUT_OF_RANGE',
    x({ type: 'time', range: { low: Date.parse('2020-01-01') } }),
    [{ x: '2019-12-31' }],
    [{ x: '2020-01-01' }],
  ],
  ['FORMAT_MISMATCH', x({ type: 'text', format: 'email' }), [{ x: 'ann at home' }], [{ x: 'ann@home.org' }]],
  [
    'SEMANTIC_DOMAIN_UPDATE',
    x({ type: 'text' }),
    many(40, (i) => `a${i}@home.org`),
    many(40, (i) => (i === 7 ? 'nobody' : `a${i}@home.org`)),
  ],
  [
    'CAPPED_VALUES',
    x({ type: 'number', capped: [{ at: 5, side: 'high', share: 0.1 }] }),
    many(100, (i) => Math.min(i / 10, 5)),
    many(100, (i) => Math.min(i / 18, 5)),
  ],
  ['CONSTANT_WOKE_UP', x({ type: 'number', constant: 3 }), [{ x: 3 }, { x: 4 }], [{ x: 3 }]],
  [
    'ROW_RULE_BROKEN',
    {
      columns: { x: { type: 'number' }, y: { type: 'number' } },
      rules: [{ name: 'order', expr: 'x <= y', when: 'y is not null', severity: 'quarantine' }],
    },
    [{ x: 2, y: 1 }],
    [
      { x: 1, y: 2 },
      { x: 1, y: null },
    ],
  ],
  ['DATASET_LOW_NUM_EXAMPLES', { dataset: { rows: { min: 3 } } }, many(2, (i) => i), many(3, (i) => i)],
  ['DATASET_HIGH_NUM_EXAMPLES', { dataset: { rows: { max: 3 } } }, many(4, (i) => i), many(3, (i) => i)],
];

test.each(ofRows)('%s is raised by rows that have it, and by no others (%#)', (type, world, odd, good) => {
  expect(typesOf(world, odd)).toContain(type);
  expect(typesOf(world, good)).not.toContain(type);
});

const setOf = (cells: readonly Cells[]) => profileRows(judged(cells));
const compared = (
  drift: ColumnSchema['drift'],
  before: Cells[],
  now: Cells[],
  rule: 'drift' | 'skew' = 'drift',
) =>
  compareSets(
    rule,
    { columns: { x: { type: 'number', [rule]: drift } } },
    { set: setOf(now), control: setOf(before) },
  ).map(({ type }) => type);
const halves = many(100, (i) => i % 2);
const nearly = many(100, (i) => Number(i < 45));
const tenths = many(100, (i) => Number(i < 10));
const nothing = many(100, () => null);

/** Type, threshold, the set before, a set that is too far from it, and one that is not. */
const ofSets: [AnomalyType, ColumnSchema['drift'], Cells[], Cells[], Cells[], ('drift' | 'skew')?][] = [
  ['COMPARATOR_L_INFTY_HIGH', { lInfinity: 0.1 }, halves, tenths, nearly],
  ['COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH', { jensenShannon: 0.05 }, halves, tenths, nearly],
  [
    'COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH',
    { absolute: 0.3 },
    halves,
    many(100, (i) => (i < 60 ? i : null)),
    many(100, (i) => (i < 80 ? i : null)),
  ],
  ['COMPARATOR_CONTROL_DATA_MISSING', { lInfinity: 0.1 }, nothing, halves, nothing],
  ['COMPARATOR_TREATMENT_DATA_MISSING', { lInfinity: 0.1 }, halves, nothing, nearly],
  ['SCHEMA_TRAINING_SERVING_SKEW', { lInfinity: 0.1 }, halves, tenths, nearly, 'skew'],
];

test.each(ofSets)(
  '%s is raised beyond the declared threshold, and not within',
  (type, threshold, before, far, near, rule) => {
    expect(compared(threshold, before, far, rule)).toContain(type);
    if (type !== 'COMPARATOR_CONTROL_DATA_MISSING')
      expect(compared(threshold, before, near, rule)).toEqual([]);
    else expect(compared(threshold, halves, nearly)).toEqual([]);
  },
);

test('COMPARATOR_LOW_NUM_EXAMPLES and COMPARATOR_HIGH_NUM_EXAMPLES: a segment against the one before', () => {
  const dataset = { rows: { againstPrevious: { min: 0.5, max: 2 } } };
  const types = (rows: number) =>
    judgeDataset(
      { dataset, columns: { x: { type: 'number' } } },
      { set: setOf(many(rows, (i) => i)), previousRows: 100, isKnown: true },
    ).map(({ type }) => type);
  expect([types(49), types(50), types(200), types(201)]).toEqual([
    ['COMPARATOR_LOW_NUM_EXAMPLES'],
    [],
    [],
    ['COMPARATOR_HIGH_NUM_EXAMPLES'],
  ]);
});

test('NO_DATA_IN_SPAN, ROWS_OUT_OF_ORDER, VALUE_STUCK, FLOOD_OF_DEFAULT and volumes: what a source shows over time', () => {
  const hours = 3_600_000;
  const moving = (i: number) => 20 + 3 * Math.sin(i / 2) + ((i * 7919) % 13) / 13;
  const watched = (times: number[], value: (i: number) => number, dataset: DatasetSchema = {}, from = 0) => {
    const watch = new Watch(from ? { steps: { last: from, count: 0, steps: {} }, columns: {} } : undefined, {
      ...{ columns: ['x'], dataset, begin: times[0] ?? 0 },
    });
    const values = times.map((_, i) => value(i));
    watch.add(Float64Array.from(times), [Float64Array.from(values)], times.length);
    const extremes = { min: Math.min(...values), max: Math.max(...values) };
    return watch.findings(dataset, () => extremes, times.length).map(({ type, rows }) => [type, rows]);
  };
  const regular = Array.from({ length: 400 }, (_, i) => i * hours);
  expect(watched(regular, moving)).toEqual([]);
  expect(
    watched(
      regular.filter((_, i) => i !== 200 && i !== 300 && i !== 301),
      moving,
    ),
  ).toEqual([['NO_DATA_IN_SPAN', 3]]);
  expect(watched(regular, (i) => (i >= 200 && i < 220 ? 0 : moving(i)))).toEqual([['FLOOD_OF_DEFAULT', 20]]);
  expect(watched(regular, (i) => (i >= 200 && i < 220 ? 35.5 : moving(i)))).toEqual([['VALUE_STUCK', 20]]);
  const frozen = Array.from({ length: 500 }, (_, i) => i * hours);
  expect(watched(frozen, (i) => (i >= 400 ? moving(399) : moving(i)))).toEqual([['VALUE_STUCK', 101]]);
  expect(watched(regular, moving, { order: 'event-time' }, 5 * hours)).toContainEqual([
    'ROWS_OUT_OF_ORDER',
    400,
  ]);
  expect(watched(regular, moving, { order: 'event-time' })).toEqual([]);
  const daily = { volume: { perMs: 24 * hours, min: 20, max: 30 } };
  expect(watched(regular, moving, daily)).toEqual([]);
  expect(
    watched(
      regular.filter((_, i) => i < 48 || i >= 54),
      moving,
      daily,
    ),
  ).toContainEqual(['VOLUME_LOW', 18]);
  const doubled = regular.flatMap((time, i) => (i >= 48 && i < 72 ? [time, time + 1] : [time]));
  expect(watched(doubled, moving, daily)).toContainEqual(['VOLUME_HIGH', 48]);
});

test('UNEXPECTED constants: a column that never said anything wakes up, without a schema that somebody wrote', () => {
  const profile = profileAdd(noKnowledge.profile, judged(many(120, () => 5)));
  const ask = (value: number) =>
    judgeSet({
      ...{ set: setOf([{ x: 5 }, { x: value }]), document: document({}), accepted: new Set<string>() },
      ...{ profile, previous: undefined },
      document: { ...document({}), columns: { x: { type: 'number' } } },
    }).map(({ type }) => type);
  expect([ask(6), ask(5)]).toEqual([['CONSTANT_WOKE_UP'], []]);
});

test('columns that are expected in one environment only are asked for there', () => {
  const world = {
    columns: {
      x: { type: 'number' as const },
      label: { type: 'text' as const, presence: { minFraction: 1 }, environments: ['training' as const] },
    },
  };
  const known = { ...noKnowledge, accepted: document(world) };
  const rows = [{ x: 1 }];
  const ask = (environment: 'training' | 'serving') =>
    checkRows(rows, { known, training: undefined, environment, now: 0 });
  expect(ask('serving')).toEqual({ held: 0, reasons: [] });
  expect(ask('training').held).toBe(1);
});

test('severities: the row, the whole segment, or told only', () => {
  const rows = [{ x: 1 }, { x: 99 }, { x: 2 }];
  const held = (severity: 'quarantine' | 'hold' | 'warn') => {
    const column = { type: 'number' as const, range: { high: 10 }, severity: { range: severity } };
    const known = { ...noKnowledge, accepted: document(x(column)) };
    const { held, reasons } = checkRows(rows, {
      known,
      training: undefined,
      environment: 'training',
      now: 0,
    });
    return [held, reasons.map(({ severity, rows }) => [severity, rows])];
  };
  expect(held('quarantine')).toEqual([1, [['quarantine', 1]]]);
  expect(held('hold')).toEqual([3, [['hold', 1]]]);
  expect(held('warn')).toEqual([0, [['warn', 1]]]);
});

test('a schema that cannot be meant is refused where it is written, with the path', () => {
  const refused = (column: string) => () =>
    parseSchema(`apiVersion: perennial/v1\nkind: Schema\nsource: shop\ncolumns:\n  x: ${column}\n`);
  // DOMAIN_INVALID_FOR_TYPE, FEATURE_MISSING_TYPE, INVALID_DOMAIN_SPECIFICATION, INVALID_SCHEMA_SPECIFICATION
  expect(refused('{ type: number, domain: [a] }')).toThrow(/columns.x.domain/);
  expect(refused('{ presence: required }')).toThrow(/columns.x.type/);
  expect(refused('{ type: text, domain: { values: [] } }')).toThrow(/columns.x.domain/);
  expect(refused('{ type: number, range: { low: 2, high: 1 } }')).toThrow(/low 2 lies above high 1/);
  expect(refused('{ type: text, capped: [{ at: 1, side: high }] }')).toThrow(/columns.x.capped/);
});
