import { readFileSync } from 'node:fs';
import type { PlatformError } from '@perennial/kernel';
import { expect, test } from 'vitest';
import {
  canonicalServing,
  canonicalSystem,
  parseModelServing,
  parseSystem,
  servingFromJson,
  systemFromJson,
} from '../src/mod.js';

const seattle = readFileSync(
  new URL('../../../examples/seattle-temperature/system.yaml', import.meta.url),
  'utf8',
);
const withServe = (lines: string) => seattle.replace(/^serve:\n/m, `serve:\n${lines}\n`);

function problem(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    expect((thrown as PlatformError).code).toBe('SPEC_INVALID');
    return (thrown as PlatformError).message;
  }
  throw new Error('it was accepted');
}

test('every setting of a serve block is read, and reads back from the canonical JSON', () => {
  const system = parseSystem(
    withServe(
      [
        '  place: edge',
        '  capture: { level: metadata, share: 10% }',
        '  cache: { seconds: 60 }',
        '  sticky-by: X-User',
        '  hedge: true',
        '  deadline: 500ms',
        '  row-by-row: true',
        '  preferred-batch: [8, 32]',
        '  classes: [cold, warm]',
        '  bandit: { reward: temp_max, minimize: true, floor: 2% }',
        '  pinned: true',
        '  queue-rows-max: 1000',
      ].join('\n'),
    ),
  );
  expect(system.serve).toMatchObject({
    place: 'edge',
    capture: { level: 'metadata', share: 0.1 },
    cache: { seconds: 60, entries: 1_000 },
    stickyBy: 'X-User',
    hedge: true,
    deadlineMs: 500,
    rowByRow: true,
    preferredBatch: [8, 32],
    classes: ['cold', 'warm'],
    bandit: { reward: 'temp_max', minimize: true, floor: 0.02 },
    pinned: true,
    queueRowsMax: 1_000,
  });
  expect(systemFromJson(canonicalSystem(system))).toEqual(system);
});

test('what says the default is as what says nothing', () => {
  const said = withServe('  place: auto\n  capture: { level: full, share: 100% }\n  hedge: false');
  expect(canonicalSystem(parseSystem(said))).toBe(canonicalSystem(parseSystem(seattle)));
});

test('each wrong setting is named with its line, its path and the fix', () => {
  const text = problem(() =>
    parseSystem(
      withServe(
        [
          '  place: egde',
          '  capture: { share: 0 }',
          '  preferred-batch: [8, 4]',
          '  classes: [a, a]',
          '  bandit: { reward: clicks }',
          '  deadline: 2h',
          '  hedge: perhaps',
        ].join('\n'),
      ),
    ),
  );
  expect(text).toContain('serve.place: "egde" is not known; did you mean "edge"?');
  expect(text).toMatch(/line \d+, serve\.capture\.share: nothing is captured then/);
  expect(text).toContain('serve.preferred-batch: the sizes grow');
  expect(text).toContain('serve.classes: a class is there twice');
  expect(text).toContain('serve.bandit.reward: "clicks" is not the label; write "temp_max"');
  expect(text).toContain('serve.deadline: a deadline lies between 1ms and 60s');
  expect(text).toContain('serve.hedge: "perhaps" is neither true nor false');
});

test('an imported model takes the same names as JSON, and unknown ones are refused', () => {
  const { pool, serving } = parseModelServing('{"pool": "gpu", "cache": {"seconds": 5, "entries": 10}}');
  expect(pool).toBe('gpu');
  expect(servingFromJson(canonicalServing(serving))).toEqual({ cache: { seconds: 5, entries: 10 } });
  expect(parseModelServing('{}')).toEqual({ pool: 'cpu', serving: {} });
  expect(problem(() => parseModelServing('{"cashe": {}}'))).toContain('did you mean "cache"?');
  expect(problem(() => parseModelServing('{"rollout": {}}'))).toContain('rollout: unknown field');
  expect(problem(() => parseModelServing('[]'))).toContain('a map with');
  expect(problem(() => parseModelServing('{"bandit": {"reward": "y"}}'))).toContain(
    'bandit: the rewards are labels',
  );
});
