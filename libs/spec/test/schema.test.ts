import { PlatformError } from '@perennial/kernel';
import { describe, expect, it } from 'vitest';
import { canonicalSchema, parseSchema, schemaFromJson, schemaYaml, severityOf } from '../src/mod.js';

const everything = `apiVersion: perennial/v1
kind: Schema
source: trips
notes: [the clock is ahead by an hour]
columns:
  trip: {type: text, presence: required, unique: true, format: uuid}
  fare: {type: number, range: {min: 0, max: 90, low: 0, high: 180}, capped: [{at: 90, side: high, share: 0.02}]}
  total: {type: number, trim: true, missing-as: ["", "?"], presence: {min-fraction: 99%, min-count: 10}}
  at: {type: time, zone: Europe/Lisbon, monotone: increasing, format: datetime}
  kind: {type: text, domain: [taxi, bus], severity: warn}
  zip: {type: text, format: digits, domain: {values: ["01002"], min-mass: 90%}}
  tip: {type: boolean, spelled: {"true": [Yes], "false": [No]}, environments: [training], lifecycle: beta}
  stops: {type: list, valency: {min: 1, max: 4}, shape: [4], by: ann}
  grade: {type: integer, domain: [1, 2, 3], drift: {l-infinity: 0.1}, skew: {jensen-shannon: 0.2}, severity: {domain: hold}}
  "constructor": {type: number, constant: 0, distinct: {min: 1, max: 1}, notes: [never varied]}
rules:
  - {name: fare-covers-tip, expr: "total >= fare", when: "tip", severity: hold}
  - {name: known-zip, references: {columns: [zip], source: zips, to: [code]}, severity: warn, by: ann}
dataset:
  rows: {min: 1, max: 1000, against-previous: {min: 0.5, max: 2}}
  freshness: {within: 2h}
  interval: 15m
  volume: {per: 1h, min: 3, false-alarms: 0.1%}
  order: event-time
  new-columns: hold
  severity: {rows: hold}
`;

function refusal(yaml: string): string {
  try {
    parseSchema(yaml);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(PlatformError);
    expect(thrown).toMatchObject({ code: 'SPEC_INVALID' });
    return (thrown as PlatformError).message;
  }
  throw new Error('the schema was accepted');
}

describe('a schema', () => {
  it('reads back the same from its JSON and from the file that is written to be edited', () => {
    const schema = parseSchema(everything);
    expect(schemaFromJson(canonicalSchema(schema))).toEqual(schema);
    expect(parseSchema(schemaYaml(schema))).toEqual(schema);
    expect(Object.keys(schema.columns)).toHaveLength(10);
  });

  it('gives each rule the severity that somebody wrote, or the usual one', () => {
    const { columns } = parseSchema(everything);
    expect(severityOf(columns['kind'] ?? {}, 'domain')).toBe('warn');
    expect(severityOf(columns['grade'] ?? {}, 'domain')).toBe('hold');
    expect(severityOf(columns['grade'] ?? {}, 'type')).toBe('quarantine');
    expect(severityOf(columns['grade'] ?? {}, 'drift')).toBe('warn');
  });

  it.each([
    ['columns: {a: {type: numbr}}', 'columns.a.type: "numbr" is not known; did you mean "number"?'],
    [
      'columns: {a: {type: number, rnage: {min: 1}}}',
      'columns.a.rnage: unknown field; did you mean "range"?',
    ],
    ['columns: {a: {type: text, range: {min: 1}}}', 'it is for a column of type number or integer or time'],
    ['columns: {a: {type: number, range: {low: 2, high: 1}}}', 'low 2 lies above high 1'],
    ['columns: {a: {type: number, domain: [x]}}', '"x" is no number'],
    ['columns: {a: {type: time, zone: Mars/Olympus}}', 'is no time zone'],
    ['columns: {_p_row_id: {type: text}}', "names that begin with _p_ are the platform's own"],
    ['columns: {a: {type: number, presence: {min-fraction: 120%}}}', 'it must be at most 100%'],
    ['columns: {a: {type: number}}\nrules: [{name: r, expr: "b > 1"}]', 'there is no column "b"'],
    [
      'columns: {a: {type: number}}\nrules: [{name: r, expr: "a + 1"}]',
      'it gives a number, not true or false',
    ],
    ['columns: {a: {type: number}}\nrules: [{name: r}]', 'it needs either "expr"'],
    ['columns: {a: {type: number}}\ndataset: {interval: 0s}', 'it lasts longer than nothing'],
    ['columns: {a: {type: number}}\ndataset: {volume: {per: 1h, mim: 2}}', 'did you mean "min"?'],
    ['columns: [a]', 'columns by name'],
    ['columns: {a: {type: number, severity: stop}}', 'write quarantine or hold or warn'],
  ])('with a slip is refused, naming the place and the fix: %s', (rest, message) => {
    expect(refusal(`apiVersion: perennial/v1\nkind: Schema\nsource: s\n${rest}\n`)).toContain(message);
  });

  it('that is no schema JSON is refused with the path', () => {
    const broken = JSON.stringify({
      source: 's',
      of: 'rows',
      columns: { a: { type: 'x' } },
      rules: [],
      dataset: {},
    });
    expect(() => schemaFromJson(broken)).toThrow(/schema_json: columns\.a\.type/);
    expect(() => schemaFromJson('{')).toThrow(/this is no JSON/);
  });
});
