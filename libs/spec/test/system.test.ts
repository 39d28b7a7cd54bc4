import { readFileSync } from 'node:fs';
import { PlatformError } from '@perennial/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { canonicalSystem, diffSystems, parseSystem, systemDigest, systemFromJson } from '../src/mod.js';

const examples = ['seattle-temperature', 'late-flights', 'first-system'];
const yamlOf = (example: string) =>
  readFileSync(new URL(`../../../examples/${example}/system.yaml`, import.meta.url), 'utf8');
const seattle = yamlOf('seattle-temperature');

function refusal(yaml: string): PlatformError {
  try {
    parseSystem(yaml);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(PlatformError);
    expect(thrown).toMatchObject({ code: 'SPEC_INVALID', fault: 'caller', retry: 'never' });
    return thrown as PlatformError;
  }
  throw new Error('the system was accepted');
}

describe('a system.yaml', () => {
  it.each(examples)('of the example %s is read, and its JSON reads back the same', (example) => {
    const system = parseSystem(yamlOf(example));
    expect(systemFromJson(canonicalSystem(system))).toEqual(system);
  });

  it('has its durations in milliseconds and its shares as numbers', () => {
    const system = parseSystem(seattle);
    expect(system.label).toEqual({
      name: 'temp_max',
      column: 'temp_max',
      task: 'regression',
      arrivesWithinMs: 86_400_000,
    });
    expect(system.features.at(-1)).toEqual({
      name: 'temp_max_7d',
      kind: 'window',
      from: 'temp_max',
      window: { durationMs: 7 * 86_400_000 },
      offsetMs: 0,
      by: [],
      as: 'mean',
    });
    expect(system.gate).toEqual({
      metric: 'mae',
      holdOutRows: 14,
      betterBy: 0.05,
      slices: [{ column: 'season', minRows: 50 }],
      serving: { p99Ms: 200, memoryBytes: 256 * 2 ** 20 },
    });
    expect(system.monitor).toEqual({
      windowRows: 14,
      falseAlarmsPerWindow: 0.001,
      decay: { metric: 'mae', worseThan: 0.3 },
    });
    expect(parseSystem(yamlOf('late-flights')).train.on).toEqual({ from: '2001-01-01', to: '2001-02-01' });
  });

  it('has the same digest however it is written, and another when it means something else', () => {
    const flow = JSON.stringify(parse(seattle));
    expect(systemDigest(parseSystem(flow))).toBe(systemDigest(parseSystem(seattle)));
    expect(systemDigest(parseSystem(seattle.replace('by: 5%', 'by: 6%')))).not.toBe(
      systemDigest(parseSystem(seattle)),
    );
  });

  it('with an unknown field is refused, naming path, line and the nearest name', () => {
    const { message, field } = refusal(seattle.replace('  hold-out:', '  holdout:'));
    const line = seattle.split('\n').findIndex((text) => text.startsWith('  hold-out:')) + 1;
    expect(message).toContain(`line ${line}, gate.holdout: unknown field; did you mean "hold-out"?`);
    expect(field).toBe('gate.hold-out');
  });

  it('says what is done about leaks, and nothing where it does not', () => {
    const withLeaks = (text: string) => seattle.replace('trainer: gbdt', `trainer: gbdt\n  leaks: ${text}`);
    expect(parseSystem(withLeaks('refuse')).train.leaks).toBe('refuse');
    expect('leaks' in parseSystem(seattle).train).toBe(false);
    expect(() => parseSystem(withLeaks('ignore'))).toThrow('train.leaks: "ignore" is not known');
  });

  it('takes the parameters of its trainer, and no others', () => {
    const withParameters = (text: string) =>
      seattle.replace('trainer: gbdt', `trainer: gbdt\n  parameters: ${text}`);
    expect(parseSystem(withParameters('{ min-leaf-rows: 7, learningRate: 0.2 }')).train.parameters).toEqual({
      minLeafRows: 7,
      learningRate: 0.2,
    });
    expect(refusal(withParameters('{ treees: 7 }')).message).toContain('did you mean "trees"?');
    expect(refusal(withParameters('{ trees: many }')).message).toContain('train.parameters.trees: a number');
    expect(refusal(withParameters('{ minLeafRows: 7, min-leaf-rows: 7 }')).message).toContain('twice');
  });

  it('tells all its problems at once, in the order of its lines', () => {
    const { message } = refusal(
      seattle
        .replace('trainer: gbdt', 'trainer: gbdtt')
        .replace('window: 7d', 'window: 7 days')
        .replace('metric: mae\n', 'metric: auc\n'),
    );
    expect(message.split('\n')).toEqual([
      expect.stringContaining('features[5].window: "7 days" is no duration'),
      expect.stringContaining('train.trainer: "gbdtt" is not known; did you mean "gbdt"?'),
      expect.stringContaining('gate.metric: "auc" is not known'),
    ]);
  });

  it.each([
    ['a feature that is the label', '{ name: wind }', '{ name: wind, column: temp_max }', 'the label itself'],
    [
      'a feature that computes with the label',
      '{ name: wind }',
      '{ name: wind, expr: "temp_max + 1" }',
      'the label itself',
    ],
    ['a feature without an aggregate', ', as: last', '', 'features[4].as: a value is missing'],
    [
      'an aggregate without a window',
      '{ name: wind }',
      '{ name: wind, as: mean }',
      '"as" belongs to a window feature',
    ],
    ['two features of one name', '{ name: wind }', '{ name: TEMP_MIN }', 'is there twice'],
    ['a slice by no feature', 'column: season', 'column: region', '"region" is no feature'],
    ['a broken expression', 'month(date)', 'monht(date)', 'did you mean month?'],
    ['a label without origin', 'label: { column: temp_max,', 'label: {', 'either "column"'],
    ['shrinking canaries', 'canary: [50%]', 'canary: [50%, 10%]', 'grow from step to step'],
    [
      'a name that could leave its place',
      'name: seattle-temperature',
      'name: ../x',
      'must be 1 to 64 characters',
    ],
    ['an explicit schema', 'schema: inferred', 'schema: { a: number }', 'write inferred'],
    ['an own column', '{ name: wind }', '{ name: wind, column: _p_row_id }', "the platform's own"],
    [
      'labels grouped by what they do not have',
      'as: last }',
      'as: last, by: [weather] }',
      '"weather" does not come with a label',
    ],
    ['no YAML', 'key: []', 'key: [', 'line'],
    ['a field that is there twice', 'key: []', 'key: []\n  time: date', 'unique'],
  ])('with %s is refused', (_, from, to, says) => {
    expect(seattle).toContain(from);
    expect(refusal(seattle.replace(from, to)).message).toContain(says);
  });

  it('is refused or accepted, whatever stands in its places, and never breaks the reader', () => {
    const junk = fc.constantFrom(
      null,
      -1,
      0,
      1.5,
      '',
      'x',
      '5%',
      '3h',
      true,
      [],
      [1],
      {},
      { last: 1 },
      [{}],
      'all',
    );
    const places = pathsOf(parse(seattle));
    fc.assert(
      fc.property(fc.constantFrom(...places), junk, (place, value) => {
        const document = parse(seattle);
        let at = document;
        for (const step of place.slice(0, -1)) at = at[step];
        at[place.at(-1) as string] = value;
        try {
          const system = parseSystem(stringify(document));
          expect(systemFromJson(canonicalSystem(system))).toEqual(system);
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'SPEC_INVALID' });
        }
      }),
      { numRuns: 2000, seed: 1 },
    );
    for (const yaml of ['', 'x', '[]', '&a [*a]', 'a: &x [1]\nb: *x']) refusal(yaml);
  });
});

describe('a diff', () => {
  it('names what changed by path, features by name, and the order of features', () => {
    const after = parseSystem(
      seattle
        .replace('by: 5%', 'by: 6%')
        .replace('  - { name: wind }\n', '')
        .replace('% 12) / 3', '% 12) / 4'),
    );
    const changes = diffSystems(parseSystem(seattle), after);
    expect(changes.map(({ path }) => path)).toEqual([
      'features',
      'features.season',
      'features.wind',
      'gate.betterBy',
    ]);
    expect(changes[3]).toEqual({ path: 'gate.betterBy', fromJson: '0.05', toJson: '0.06' });
    expect(changes[2]?.toJson).toBe('');
    expect(diffSystems(after, after)).toEqual([]);
    expect(diffSystems(undefined, after).every(({ fromJson }) => fromJson === '')).toBe(true);
  });
});

describe('the JSON of a system', () => {
  it.each(['', '{}', '[]', '{"name":1}'])('%j is refused', (json) => {
    expect(() => systemFromJson(json)).toThrow(expect.objectContaining({ code: 'SPEC_JSON_INVALID' }));
  });
});

function pathsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return path.length ? [path] : [];
  const below = Object.entries(value).flatMap(([step, member]) =>
    pathsOf(member, [...path, Array.isArray(value) ? Number(step) : step]),
  );
  return path.length ? [path, ...below] : below;
}
