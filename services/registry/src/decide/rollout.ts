import { whatItSays } from './candidate-answers.js';
import { andThen, changed, type Decision, unchanged } from './decision.js';
import type { Fact, PhaseFact } from './facts.js';
import { judge } from './gate.js';
import { showShare } from './metric.js';
import { advance, end, promoteCandidate } from './rollout-steps.js';
import { judgeServing } from './serving-test.js';
import { type Model, modelOf, type OpenPhase, type Rollout, type SystemState } from './state.js';

type Step<Kind extends PhaseFact['kind']> = (
  state: SystemState,
  rollout: Rollout,
  fact: Extract<Fact, { kind: Kind }>,
  now: number,
) => Decision;

/**
 * Which facts move a rollout, by phase. A fact that has no place in the present phase is late, early or repeated, and
 * changes nothing. The undo of every phase is `end`: routes follow from the state (see `deployment.ts`).
 */
const phases: { readonly [Phase in OpenPhase]: { readonly [Kind in PhaseFact['kind']]?: Step<Kind> } } = {
  TRAINING: { 'dataset-refused': failed, 'run-failed': failed },
  TESTING: { 'model-tested': tested },
  SHADOW: { predictions: watched },
  CANARY: { predictions: watched },
};

/**
 * Answers that fail for reasons that may lie in the server are forgiven this often in one rollout: a restart of a
 * replica costs a handful, a candidate that can never be reached must not wait for ever.
 */
const inconclusiveMax = 20;

/** What a fact means for the rollout in flight. */
export function inPhase(state: SystemState, fact: PhaseFact, now: number): Decision {
  const { rollout } = state;
  if (!rollout) return unchanged(state);
  if ('rolloutId' in fact && fact.rolloutId !== rollout.rolloutId) return unchanged(state);
  const step = phases[rollout.phase as OpenPhase]?.[fact.kind] as Step<PhaseFact['kind']> | undefined;
  return step ? step(state, rollout, fact, now) : unchanged(state);
}

/** The gate: called once, when the candidate of the rollout in flight has been registered. */
export function judged(state: SystemState, rollout: Rollout, candidate: Model, now: number): Decision {
  const champion = modelOf(state, state.champion);
  const verdict = judge(candidate.evaluation, rollout.plan, champion?.digest);
  const withModel = { ...rollout, modelVersion: candidate.version };
  if (!verdict.passed) return end(state, withModel, 'REJECTED', verdict.reason, now);
  return {
    ...advance(state, withModel, 'TESTING', verdict.reason),
    effects: [{ kind: 'test-model', rolloutId: rollout.rolloutId, version: candidate.version }],
  };
}

function failed(
  state: SystemState,
  rollout: Rollout,
  fact: Extract<Fact, { kind: 'dataset-refused' | 'run-failed' }>,
  now: number,
): Decision {
  const what = fact.kind === 'dataset-refused' ? 'no training set' : 'no model';
  return end(state, rollout, 'FAILED', `${what}: ${fact.reason}`, now);
}

function tested(
  state: SystemState,
  rollout: Rollout,
  { answer }: Extract<Fact, { kind: 'model-tested' }>,
  now: number,
): Decision {
  const verdict = judgeServing(answer, rollout.plan);
  const models = state.models.map((model) =>
    model.version === rollout.modelVersion
      ? {
          ...model,
          tested: verdict.passed ? ('passed' as const) : ('failed' as const),
          testReason: verdict.reason,
        }
      : model,
  );
  const told = changed(
    { ...state, models },
    {
      event: 'modelTested',
      aggregateId: state.system,
      body: {
        system: state.system,
        version: rollout.modelVersion,
        rolloutId: rollout.rolloutId,
        passed: verdict.passed,
        reason: verdict.reason,
        goldenRequests: answer.goldenRequests,
        latencyP99Ms: answer.latencyP99Ms,
        memoryBytes: answer.memoryBytes,
      },
    },
  );
  return andThen(told, (after) => {
    if (!verdict.passed) return end(after, rollout, 'REJECTED', verdict.reason, now);
    // Nobody answers yet whom a first model could be compared with, and nobody to protect from it.
    if (after.champion === undefined) return promoteCandidate(after, rollout, verdict.reason, now);
    if (rollout.plan.shadowPredictions > 0) return advance(after, rollout, 'SHADOW', verdict.reason);
    return toCanary(after, rollout, 0, verdict.reason, now);
  });
}

function watched(
  state: SystemState,
  rollout: Rollout,
  { predictions }: Extract<Fact, { kind: 'predictions' }>,
  now: number,
): Decision {
  // One set for all of them: a copy for each would cost the square of a batch.
  const seen = new Set(rollout.seen);
  let current = rollout;
  for (const prediction of predictions) {
    if (Number(prediction.epoch) < rollout.stepEpoch || seen.has(prediction.predictionId)) continue;
    const say = whatItSays(prediction, rollout.modelVersion);
    seen.add(prediction.predictionId);
    if (current === rollout) current = { ...current, seen };
    if (say.is === 'failed') {
      return end(state, current, 'REJECTED', `${where(current)}: an answer failed (${say.error})`, now);
    }
    if (say.is === 'inconclusive') {
      current = { ...current, inconclusiveCount: current.inconclusiveCount + 1 };
      if (current.inconclusiveCount <= inconclusiveMax) continue;
      const text = `${current.inconclusiveCount} answers could not be had; the last: ${say.error}`;
      return end(state, current, 'REJECTED', `${where(current)}: ${text}`, now);
    }
    const isOwn = say.is === 'good';
    if (!isOwn && !(say.is === 'absent' && current.phase === 'CANARY')) continue;
    current = {
      ...current,
      stepCount: current.stepCount + 1,
      candidateCount: current.candidateCount + (isOwn ? 1 : 0),
    };
    // Later predictions of the batch were answered under this step's epoch and say nothing about the next one.
    if (isStepDone(current)) return nextStep(state, current, now);
  }
  return current === rollout ? unchanged(state) : changed({ ...state, rollout: current });
}

/** A canary that nobody asked proves nothing, so one answer at least must be its own. */
function isStepDone({ phase, plan, stepCount, candidateCount }: Rollout): boolean {
  const wanted = phase === 'SHADOW' ? plan.shadowPredictions : plan.stepPredictions;
  return stepCount >= wanted && candidateCount > 0;
}

function nextStep(state: SystemState, rollout: Rollout, now: number): Decision {
  const reason = `${where(rollout)}: ${rollout.stepCount} predictions, none of its answers failed`;
  return toCanary(state, rollout, rollout.phase === 'SHADOW' ? 0 : rollout.canaryStep + 1, reason, now);
}

function toCanary(
  state: SystemState,
  rollout: Rollout,
  canaryStep: number,
  reason: string,
  now: number,
): Decision {
  const share = rollout.plan.canaryShares[canaryStep];
  if (share === undefined) return promoteCandidate(state, rollout, reason, now);
  return advance(state, rollout, 'CANARY', `${reason}; now ${showShare(share)} of requests`, { canaryStep });
}

function where({ phase, plan, canaryStep }: Rollout): string {
  return phase === 'SHADOW' ? 'shadow' : `canary at ${showShare(plan.canaryShares[canaryStep] ?? 0)}`;
}
