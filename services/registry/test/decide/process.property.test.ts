import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../src/decide/decide.js';
import type { Fact } from '../../src/decide/facts.js';
import type { SystemState } from '../../src/decide/state.js';
import { digestOfRun, evaluation, fresh, inputs, passedTest, prediction } from './states.js';

/**
 * A move is a recipe rather than a fact, since facts name ids that only the history so far can tell. Each recipe
 * gives the fact that the world could tell at that moment, about the latest or about an earlier rollout.
 */
type Recipe = {
  readonly what: Fact['kind'];
  readonly pick: number;
  readonly value: number;
  readonly again: boolean;
};

const kinds: Fact['kind'][] = [
  'data-verified',
  'review-concluded',
  'dataset-refused',
  'run-failed',
  'run-completed',
  'evaluated',
  'evaluated',
  'run-completed',
  'model-tested',
  'model-tested',
  'predictions',
  'predictions',
  'rollback',
  'promote',
  'resume',
  'add-shadow',
  'remove-shadow',
  'retrain',
];

const recipes: fc.Arbitrary<Recipe[]> = fc.array(
  fc.record({
    what: fc.constantFrom(...kinds),
    // Mostly the latest rollout.
    pick: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
    value: fc.nat(12),
    again: fc.boolean(),
  }),
  { minLength: 20, maxLength: 120 },
);

function factOf({ what, pick, value }: Recipe, state: SystemState, now: number): Fact {
  const rolloutId = state.rolloutIds.at(-1 - pick) ?? 'rollout-nobody-asked-for';
  const runId = `run-${rolloutId}`;
  const serving = state.models.find((model) => model.version === state.champion);
  const score = {
    value,
    baseline: 11,
    ...(serving && { champion: { digest: serving.digest, value: value + 1 } }),
  };
  switch (what) {
    case 'data-verified':
      return { kind: what, rows: 55 + now, labels: 55 + now };
    case 'review-concluded':
      return {
        kind: what,
        reviewId: `review-${now - pick}`,
        isWorldChanged: value > 2,
        concludedAt: now - pick,
      };
    case 'dataset-refused':
    case 'run-failed':
      return { kind: what, rolloutId, reason: 'because' };
    case 'run-completed':
      return { kind: what, runId, datasetId: 'dataset', modelBytes: 1 };
    case 'evaluated':
      return { kind: what, evaluation: evaluation(runId, rolloutId, score), inputs };
    case 'model-tested':
      return { kind: what, rolloutId, answer: { ...passedTest, passed: value > 1 } };
    case 'predictions': {
      const candidate = state.rollout?.modelVersion ?? 0;
      const outcome = value === 12 ? 'MODEL_BROKEN' : 'ok';
      const ids = [0, 1, 2].map((index) => `p-${now - pick}-${index}`);
      const predictions = ids.map((id) =>
        prediction(id, state.epoch - pick, { 1: 'ok', [candidate]: outcome }),
      );
      return { kind: what, predictions };
    }
    case 'rollback':
      return { kind: what, reason: '', by: 'me' };
    case 'promote':
    case 'add-shadow':
    case 'remove-shadow':
      return { kind: what, version: 1 + (value % 4), reason: '', by: 'me' };
    case 'retrain':
      return { kind: what, requestId: String(now), reason: '', by: 'me' };
    default:
      return { kind: 'resume' };
  }
}

interface Step {
  before: SystemState;
  fact: Fact;
  now: number;
}

/** Plays the recipes, checks the invariants after each, and gives back every step for further questions. */
function history(moves: Recipe[]): Step[] {
  let state: SystemState = fresh;
  const steps: Step[] = [];
  let inFlight = 0;
  moves.forEach((recipe, index) => {
    const now = index + 1;
    const facts = [factOf(recipe, state, now)];
    // A repeated old fact, as a bus may bring it.
    const old = steps[recipe.value * 3];
    if (recipe.again && old) facts.push(old.fact);
    for (const fact of facts) {
      const before = state;
      const decision = decide(state, fact, now);
      steps.push({ before, fact, now });
      for (const { event, body } of decision.emits) {
        if (event === 'rolloutRequested') inFlight++;
        if (event === 'rolloutAdvanced' && 'to' in body && (body.to ?? 0) >= 5) inFlight--;
        if (event === 'modelPromoted' && before.heldAt !== undefined)
          expect(['promote', 'rollback']).toContain(fact.kind);
        expect(inFlight, 'rollouts in flight').toBeGreaterThanOrEqual(0);
        expect(inFlight, 'rollouts in flight').toBeLessThanOrEqual(1);
      }
      state = decision.state;
      expect(inFlight).toBe(state.rollout ? 1 : 0);
      expect(
        state.heldAt === undefined || state.rollout === undefined,
        'nothing is in flight while held',
      ).toBe(true);
      expect(new Set(state.models.map((model) => model.runId)).size).toBe(state.models.length);
      expect(state.epoch - before.epoch).toBe(
        decision.emits.filter(({ event }) => event === 'deploymentUpdated').length,
      );
      if (state.champion !== undefined)
        expect(state.models.map((model) => model.version)).toContain(state.champion);
    }
  });
  return steps;
}

test('any order and repetition of facts: one version for each run, one rollout in flight, no promotion while held', () => {
  let champions = 0;
  fc.assert(
    fc.property(recipes, (moves) => {
      const last = history(moves).at(-1);
      if (last?.before.champion !== undefined) champions++;
    }),
    { numRuns: 300, seed: 20121231 },
  );
  expect(champions, 'the histories reach a champion often enough to mean something').toBeGreaterThan(30);
});

test('a fact that is told twice in a row changes nothing the second time', () => {
  const notIdempotent = new Set<Fact['kind']>(['rollback']);
  fc.assert(
    fc.property(recipes, (moves) => {
      for (const { before, fact, now } of history(moves)) {
        if (notIdempotent.has(fact.kind)) continue;
        const once = decide(before, fact, now);
        const twice = decide(once.state, fact, now);
        expect(twice.emits, fact.kind).toEqual([]);
        expect(twice.effects).toEqual([]);
      }
    }),
    { numRuns: 100, seed: 20130101 },
  );
});

test('both facts of a run register the same version in either order', () => {
  const asked = decide(fresh, { kind: 'data-verified', rows: 60, labels: 60 }, 1).state;
  const rolloutId = asked.rollout?.rolloutId ?? '';
  const completed: Fact = { kind: 'run-completed', runId: 'r', datasetId: 'd', modelBytes: 7 };
  const evaluated: Fact = { kind: 'evaluated', evaluation: evaluation('r', rolloutId), inputs };
  const one = [completed, evaluated].reduce((state, fact) => decide(state, fact, 2).state, asked);
  const other = [evaluated, completed].reduce((state, fact) => decide(state, fact, 2).state, asked);
  expect(other).toEqual(one);
  expect(one.models).toMatchObject([{ version: 1, digest: digestOfRun('r'), bytes: 7, datasetId: 'd' }]);
});
