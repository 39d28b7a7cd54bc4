import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decide } from '../../src/decide/decide.js';
import type { Fact } from '../../src/decide/facts.js';
import type { SystemState } from '../../src/decide/state.js';
import { factOf, type Recipe, recipes } from './recipes.js';
import { digestOfRun, evaluation, fresh, inputs } from './states.js';

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
  const asked = decide(fresh, { kind: 'data-verified', rows: 60, labels: 60, until: 0 }, 1).state;
  const rolloutId = asked.rollout?.rolloutId ?? '';
  const completed: Fact = { kind: 'run-completed', runId: 'r', datasetId: 'd', modelBytes: 7 };
  const evaluated: Fact = { kind: 'evaluated', evaluation: evaluation('r', rolloutId), inputs };
  const one = [completed, evaluated].reduce((state, fact) => decide(state, fact, 2).state, asked);
  const other = [evaluated, completed].reduce((state, fact) => decide(state, fact, 2).state, asked);
  expect(other).toEqual(one);
  expect(one.models).toMatchObject([{ version: 1, digest: digestOfRun('r'), bytes: 7, datasetId: 'd' }]);
});
