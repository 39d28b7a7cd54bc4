import { create } from '@bufbuild/protobuf';
import {
  type EvaluationCompleted,
  EvaluationCompletedSchema,
  FeatureInputSchema,
  type Prediction,
  PredictionSchema,
  RouteRole,
} from '@perennial/contracts';
import { decide } from '../../src/decide/decide.js';
import type { Decision } from '../../src/decide/decision.js';
import { nothingDeclared } from '../../src/decide/declared.js';
import type { Fact } from '../../src/decide/facts.js';
import type { RolloutPlan, SystemState } from '../../src/decide/state.js';

export const plan: RolloutPlan = {
  metric: 'mae',
  betterBy: 0.05,
  withConfidence: false,
  slices: [],
  servingP99MsMax: 200,
  servingMemoryBytesMax: 256 * 1024 * 1024,
  shadowPredictions: 2,
  canaryShares: [0.5],
  stepPredictions: 3,
};

export const fresh: SystemState = {
  system: 'weather',
  version: 1,
  specJson: '{}',
  pool: 'cpu',
  serve: {},
  onDecay: 'retrain',
  firstTrainingLabelsMin: 60,
  isLabelInRow: false,
  trainsUntil: undefined,
  plan,
  verified: { rows: 0, labels: 0, until: 0 },
  firstTriedWith: 0,
  heldAt: undefined,
  champion: undefined,
  history: [],
  shadows: [],
  declared: nothingDeclared,
  epoch: 0,
  models: [],
  pendingRuns: {},
  rolloutIds: [],
  rollout: undefined,
};

export const inputs = [create(FeatureInputSchema, { name: 'wind', datatype: 'FP64' })];

export function digestOfRun(run: string): string {
  return `sha256:${run}`;
}

/** An evaluation in which the candidate of `run` scores `value`. */
export function evaluation(
  run: string,
  rolloutId: string,
  { value = 1, champion = undefined as { digest: string; value: number } | undefined, baseline = 9 } = {},
): EvaluationCompleted {
  return create(EvaluationCompletedSchema, {
    evaluationId: `evaluation-${run}`,
    runId: run,
    system: 'weather',
    rolloutId,
    modelDigest: digestOfRun(run),
    manifestDigest: `sha256:manifest-${run}`,
    holdoutRows: 14,
    metric: 'mae',
    candidate: { name: 'candidate', digest: digestOfRun(run), value },
    ...(champion && { champion: { name: 'champion', ...champion } }),
    baselines: [{ name: 'constant', value: baseline }],
  });
}

/** A prediction in which each named version answered; a text is its error. */
export function prediction(id: string, epoch: number, answers: Record<number, 'ok' | string>): Prediction {
  return create(PredictionSchema, {
    predictionId: id,
    system: 'weather',
    deployment: 'weather',
    epoch: BigInt(epoch),
    status: 'OK',
    rowCount: 1,
    rows: [
      {
        answers: Object.entries(answers).map(([version, outcome]) => ({
          role: RouteRole.SHADOW,
          version: Number(version),
          error: outcome === 'ok' ? '' : outcome,
        })),
      },
    ],
  });
}

export const passedTest = {
  passed: true,
  reason: '',
  goldenRequests: 20,
  latencyP99Ms: 4,
  memoryBytes: 1024,
} as const;

/** Applies facts one after the other and keeps everything that was told. */
export function play(start: SystemState, facts: readonly Fact[], now = 1_000): Decision {
  return facts.reduce<Decision>(
    (sum, fact) => {
      const next = decide(sum.state, fact, now);
      return {
        state: next.state,
        emits: [...sum.emits, ...next.emits],
        effects: [...sum.effects, ...next.effects],
        ended: [...sum.ended, ...next.ended],
        ...(next.refusal && { refusal: next.refusal }),
      };
    },
    { state: start, emits: [], effects: [], ended: [] },
  );
}

/** Both facts of a training run. */
export function trained(
  run: string,
  rolloutId: string,
  score: Parameters<typeof evaluation>[2] = {},
): Fact[] {
  return [
    { kind: 'run-completed', runId: run, datasetId: `dataset-${run}`, modelBytes: 100 },
    { kind: 'evaluated', evaluation: evaluation(run, rolloutId, score), inputs },
  ];
}

/** The system with `count` champions one after the other; each was promoted by a whole rollout. */
export function withChampions(count: number): SystemState {
  let state = play(fresh, [{ kind: 'data-verified', rows: 91, labels: 91, until: 0 }]).state;
  for (let version = 1; version <= count; version++) {
    if (version > 1) {
      const review = `review-${version}`;
      state = play(state, [reviewed(review)]).state;
    }
    const rolloutId = state.rollout?.rolloutId ?? '';
    const run = `run-${version}`;
    const before = state.models.at(-1);
    state = play(state, [
      ...trained(run, rolloutId, {
        value: 10 / version,
        baseline: 99,
        champion: before && { digest: before.digest, value: 10 / (version - 1) },
      }),
      { kind: 'model-tested', rolloutId, answer: passedTest },
    ]).state;
    state = throughTraffic(state, version);
  }
  return state;
}

/** Enough predictions to take a rollout in SHADOW to its end. */
export function throughTraffic(start: SystemState, version: number): SystemState {
  let state = start;
  for (let step = 0; state.rollout && step < 10; step++) {
    const predictions = Array.from({ length: 3 }, (_, index) =>
      prediction(`${version}-${step}-${index}`, state.epoch, { [version]: 'ok' }),
    );
    state = play(state, [{ kind: 'predictions', predictions }]).state;
  }
  return state;
}

export function reviewed(reviewId: string, concludedAt = 2_000): Fact {
  return { kind: 'review-concluded', reviewId, isWorldChanged: true, concludedAt };
}
