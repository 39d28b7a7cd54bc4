import { andThen, changed, type Decision, unchanged } from './decision.js';
import type { Fact } from './facts.js';
import { judged } from './rollout.js';
import type { Model, PendingRun, SystemState } from './state.js';

/**
 * A training run tells of its model and of its evaluation in two facts, in any order; with both there is a model
 * version. One version for each run, for ever, whatever has become of its rollout.
 */
export function runTold(
  state: SystemState,
  fact: Extract<Fact, { kind: 'run-completed' | 'evaluated' }>,
  now: number,
): Decision {
  const runId = fact.kind === 'evaluated' ? fact.evaluation.runId : fact.runId;
  if (state.models.some((model) => model.runId === runId)) return unchanged(state);
  const known = state.pendingRuns[runId] ?? {};
  const run: PendingRun =
    fact.kind === 'evaluated'
      ? { ...known, evaluated: { evaluation: fact.evaluation, inputs: fact.inputs } }
      : { ...known, completed: { datasetId: fact.datasetId, modelBytes: fact.modelBytes } };
  if (!run.completed || !run.evaluated) {
    return changed({ ...state, pendingRuns: { ...state.pendingRuns, [runId]: run } });
  }
  const { [runId]: _both, ...pendingRuns } = state.pendingRuns;
  return register({ ...state, pendingRuns }, run.completed, run.evaluated, now);
}

function register(
  state: SystemState,
  { datasetId, modelBytes }: NonNullable<PendingRun['completed']>,
  { evaluation, inputs }: NonNullable<PendingRun['evaluated']>,
  now: number,
): Decision {
  const version = Math.max(0, ...state.models.map((model) => model.version)) + 1;
  const model: Model = {
    version,
    runId: evaluation.runId,
    rolloutId: evaluation.rolloutId,
    datasetId,
    digest: evaluation.modelDigest,
    bytes: modelBytes,
    manifestDigest: evaluation.manifestDigest,
    inputs,
    evaluation,
    tested: 'untested',
    testReason: '',
    registeredAt: now,
    signature: '',
  };
  const registered = changed(
    { ...state, models: [...state.models, model] },
    {
      event: 'modelRegistered',
      aggregateId: state.system,
      body: {
        system: state.system,
        version,
        digest: model.digest,
        bytes: BigInt(modelBytes),
        manifestDigest: model.manifestDigest,
        runId: model.runId,
        datasetId,
        rolloutId: model.rolloutId,
        evaluationId: evaluation.evaluationId,
      },
    },
  );
  const { rollout } = state;
  if (rollout?.rolloutId !== model.rolloutId || rollout.phase !== 'TRAINING') return registered;
  return andThen(registered, (after) => judged(after, rollout, model, now));
}
