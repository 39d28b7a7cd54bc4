import { describe, expect, it } from 'vitest';
import { type Compatibility, compareSchemas, parseSchema, type SchemaDocument } from '../src/mod.js';

const schemaOf = (rest: string): SchemaDocument =>
  parseSchema(`apiVersion: perennial/v1\nkind: Schema\nsource: s\n${rest}`);
const columns = (text: string) => schemaOf(`columns: {${text}}`);

/** Thirty pairs of schemas, and what going from the first to the second means. */
const pairs: readonly (readonly [string, string, string, Compatibility])[] = [
  ['a note', 'a: {type: number}', 'a: {type: number, notes: [hm]}', 'compatible'],
  ['an optional column more', 'a: {type: number}', 'a: {type: number}, b: {type: text}', 'compatible'],
  [
    'a required column more',
    'a: {type: number}',
    'a: {type: number}, b: {type: text, presence: required}',
    'breaking',
  ],
  [
    'a planned column more, though required',
    'a: {type: number}',
    'a: {type: number}, b: {type: text, presence: required, lifecycle: planned}',
    'compatible',
  ],
  ['a column less', 'a: {type: number}, b: {type: text}', 'a: {type: number}', 'breaking'],
  [
    'a deprecated column less',
    'a: {type: number}, b: {type: text, lifecycle: deprecated}',
    'a: {type: number}',
    'compatible',
  ],
  ['a column renamed', 'a: {type: number}', 'b: {type: number}', 'breaking'],
  ['an integer that becomes a number', 'a: {type: integer}', 'a: {type: number}', 'widening'],
  ['a number that becomes an integer', 'a: {type: number}', 'a: {type: integer}', 'breaking'],
  ['a number that becomes a text', 'a: {type: number}', 'a: {type: text}', 'breaking'],
  ['a column no longer required', 'a: {type: number, presence: required}', 'a: {type: number}', 'widening'],
  ['a column now required', 'a: {type: number}', 'a: {type: number, presence: required}', 'breaking'],
  [
    'a lower share of presence',
    'a: {type: number, presence: {min-fraction: 99%}}',
    'a: {type: number, presence: {min-fraction: 90%}}',
    'widening',
  ],
  [
    'wider bounds',
    'a: {type: number, range: {low: 0, high: 9}}',
    'a: {type: number, range: {low: 0, high: 10}}',
    'widening',
  ],
  [
    'tighter bounds',
    'a: {type: number, range: {low: 0, high: 9}}',
    'a: {type: number, range: {low: 1, high: 9}}',
    'breaking',
  ],
  [
    'bounds that move',
    'a: {type: number, range: {low: 0, high: 9}}',
    'a: {type: number, range: {low: 1, high: 10}}',
    'breaking',
  ],
  [
    'other extremes, the same bounds',
    'a: {type: number, range: {min: 2, low: 0, high: 9}}',
    'a: {type: number, range: {min: 1, low: 0, high: 9}}',
    'compatible',
  ],
  [
    'bounds that are only told',
    'a: {type: number, range: {high: 9}, severity: warn}',
    'a: {type: number, range: {high: 5}, severity: warn}',
    'compatible',
  ],
  [
    'a value more in a closed domain',
    'a: {type: text, domain: [x, y]}',
    'a: {type: text, domain: [x, y, z]}',
    'widening',
  ],
  [
    'a value less in a closed domain',
    'a: {type: text, domain: [x, y]}',
    'a: {type: text, domain: [x]}',
    'breaking',
  ],
  [
    'a domain that opens',
    'a: {type: text, domain: [x]}',
    'a: {type: text, domain: {values: [x], closed: false}}',
    'widening',
  ],
  [
    'a domain that closes',
    'a: {type: text, domain: {values: [x], closed: false}}',
    'a: {type: text, domain: [x]}',
    'breaking',
  ],
  [
    'a value seen in an open domain',
    'a: {type: text, domain: {values: [x], closed: false}}',
    'a: {type: text, domain: {values: [x, y], closed: false}}',
    'compatible',
  ],
  [
    'a word for nothing among numbers',
    'a: {type: number}',
    'a: {type: number, missing-as: ["?"]}',
    'widening',
  ],
  ['a word that is a word again', 'a: {type: number, missing-as: ["?"]}', 'a: {type: number}', 'breaking'],
  ['another zone', 'a: {type: time, zone: UTC}', 'a: {type: time, zone: Europe/Rome}', 'breaking'],
  ['a format asked for', 'a: {type: text}', 'a: {type: text, format: email}', 'breaking'],
  [
    'a rule that is told and not held',
    'a: {type: text, format: email}',
    'a: {type: text, format: email, severity: warn}',
    'widening',
  ],
  [
    'a label asked for in training only',
    'a: {type: number, presence: required}',
    'a: {type: number, presence: required, environments: [training]}',
    'widening',
  ],
  ['uniqueness, which is told', 'a: {type: text}', 'a: {type: text, unique: true}', 'compatible'],
];

describe('from one schema to the next', () => {
  it.each(pairs)('%s', (_, before, after, expected) => {
    expect(compareSchemas(columns(before), columns(after)).compatibility).toBe(expected);
    expect(compareSchemas(columns(before), columns(before))).toEqual({ compatibility: 'same', changes: [] });
  });

  it('rules and what is expected of the set count as well', () => {
    const base = 'columns: {a: {type: number}}';
    const rule = (text: string) => schemaOf(`${base}\nrules: [${text}]`);
    const set = (text: string) => schemaOf(`${base}\ndataset: {${text}}`);
    const kind = (a: SchemaDocument, b: SchemaDocument) => compareSchemas(a, b).compatibility;
    expect(kind(schemaOf(base), rule('{name: r, expr: "a > 1"}'))).toBe('breaking');
    expect(kind(schemaOf(base), rule('{name: r, expr: "a > 1", severity: warn}'))).toBe('compatible');
    expect(kind(rule('{name: r, expr: "a > 1"}'), schemaOf(base))).toBe('widening');
    expect(kind(rule('{name: r, expr: "a > 1"}'), rule('{name: r, expr: "a > 2"}'))).toBe('breaking');
    expect(kind(rule('{name: r, expr: "a > 1"}'), rule('{name: r, expr: "a > 1", severity: hold}'))).toBe(
      'breaking',
    );
    expect(kind(set('interval: 1h'), set('interval: 2h'))).toBe('compatible');
    expect(kind(schemaOf(base), set('new-columns: hold'))).toBe('breaking');
    expect(kind(set('rows: {min: 1}, severity: hold'), set('rows: {min: 1}'))).toBe('widening');
  });

  it('a change names its path and both values', () => {
    const { changes } = compareSchemas(columns('a: {type: integer}'), columns('a: {type: number}'));
    expect(changes).toEqual([
      { path: 'columns.a.type', kind: 'widening', fromJson: '"integer"', toJson: '"number"' },
    ]);
  });
});
