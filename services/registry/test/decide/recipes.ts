import fc from 'fast-check';
import type { Fact } from '../../src/decide/facts.js';
import type { SystemState } from '../../src/decide/state.js';
import { evaluation, inputs, passedTest, prediction } from './states.js';

/**
 * A move is a recipe rather than a fact, since facts name ids that only the history so far can tell. Each recipe
 * gives the fact that the world could tell at that moment, about the latest or about an earlier rollout.
 */
export type Recipe = {
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
  'cancel-rollout',
];

export const recipes: fc.Arbitrary<Recipe[]> = fc.array(
  fc.record({
    what: fc.constantFrom(...kinds),
    // Mostly the latest rollout.
    pick: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
    value: fc.nat(12),
    again: fc.boolean(),
  }),
  { minLength: 20, maxLength: 120 },
);

export function factOf({ what, pick, value }: Recipe, state: SystemState, now: number): Fact {
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
      return { kind: what, rows: 55 + now, labels: 55 + now, until: now };
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
    case 'cancel-rollout':
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
