import { create, fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { EvaluationCompletedSchema, type FeatureInput, FeatureInputSchema } from '@perennial/contracts';
import type { Insertable, Selectable } from 'kysely';
import { type Declared, nothingDeclared } from './decide/declared.js';
import type { Model, PendingRun, Phase, Rollout, RolloutPlan, Trigger } from './decide/state.js';
import type { ModelVersionTable, PendingRunTable, RolloutTable } from './tables.js';

/** Between rows of the database and the values that decisions are made from. */

export function modelFrom(row: Selectable<ModelVersionTable>): Model {
  return {
    version: row.version,
    runId: row.run_id,
    rolloutId: row.rollout_id,
    datasetId: row.dataset_id,
    digest: row.digest,
    bytes: Number(row.bytes),
    manifestDigest: row.manifest_digest,
    inputs: inputsFrom(row.inputs),
    evaluation: fromJson(EvaluationCompletedSchema, row.evaluation as JsonValue),
    tested: row.tested as Model['tested'],
    testReason: row.test_reason,
    registeredAt: row.registered_at.getTime(),
    signature: row.signature,
  };
}

export function modelRow(tenant: string, system: string, model: Model): Insertable<ModelVersionTable> {
  return {
    tenant,
    system,
    version: model.version,
    run_id: model.runId,
    rollout_id: model.rolloutId,
    dataset_id: model.datasetId,
    digest: model.digest,
    bytes: model.bytes,
    manifest_digest: model.manifestDigest,
    inputs: inputsJson(model.inputs),
    evaluation: JSON.stringify(toJson(EvaluationCompletedSchema, model.evaluation)),
    tested: model.tested,
    test_reason: model.testReason,
    registered_at: new Date(model.registeredAt),
    signature: model.signature,
  };
}

export function rolloutFrom(row: Selectable<RolloutTable>, seen: ReadonlySet<string>): Rollout {
  return {
    rolloutId: row.rollout_id,
    trigger: row.trigger as Trigger,
    phase: row.phase as Phase,
    reason: row.reason,
    reviewId: row.review_id,
    plan: planFrom(row.plan),
    requestedAt: row.requested_at.getTime(),
    endedAt: row.ended_at?.getTime(),
    modelVersion: row.model_version,
    canaryStep: row.canary_step,
    stepEpoch: Number(row.step_epoch),
    stepCount: row.step_count,
    candidateCount: row.candidate_count,
    inconclusiveCount: row.inconclusive_count,
    seen,
  };
}

/** `{}` where nothing was ever declared. */
export function declaredFrom(value: unknown): Declared {
  return { ...nothingDeclared, ...(value as Partial<Declared>) };
}

/** JSON keeps no undefined; the absent limits come back as such. */
function planFrom(value: unknown): RolloutPlan {
  const plan = value as Omit<RolloutPlan, 'servingP99MsMax' | 'servingMemoryBytesMax'> & Partial<RolloutPlan>;
  return {
    ...plan,
    servingP99MsMax: plan.servingP99MsMax,
    servingMemoryBytesMax: plan.servingMemoryBytesMax,
  };
}

export function rolloutRow(rollout: Rollout) {
  return {
    phase: rollout.phase,
    reason: rollout.reason,
    model_version: rollout.modelVersion,
    canary_step: rollout.canaryStep,
    step_epoch: rollout.stepEpoch,
    step_count: rollout.stepCount,
    candidate_count: rollout.candidateCount,
    inconclusive_count: rollout.inconclusiveCount,
    ended_at: rollout.endedAt === undefined ? null : new Date(rollout.endedAt),
  };
}

interface EvaluatedJson {
  evaluation: JsonValue;
  inputs: JsonValue[];
}

export function pendingRunFrom(row: Selectable<PendingRunTable>): PendingRun {
  const evaluated = row.evaluated as EvaluatedJson | null;
  return {
    ...(row.completed !== null && { completed: row.completed as NonNullable<PendingRun['completed']> }),
    ...(evaluated !== null && {
      evaluated: {
        evaluation: fromJson(EvaluationCompletedSchema, evaluated.evaluation),
        inputs: inputsFrom(evaluated.inputs),
      },
    }),
  };
}

export function pendingRunRow({ completed, evaluated }: PendingRun) {
  const json = evaluated && {
    evaluation: toJson(EvaluationCompletedSchema, evaluated.evaluation),
    inputs: evaluated.inputs.map(({ name, datatype }) => ({ name, datatype })),
  };
  return {
    completed: completed ? JSON.stringify(completed) : null,
    evaluated: json ? JSON.stringify(json) : null,
  };
}

function inputsFrom(value: unknown): FeatureInput[] {
  return (value as { name: string; datatype: string }[]).map(({ name, datatype }) =>
    create(FeatureInputSchema, { name, datatype }),
  );
}

function inputsJson(inputs: readonly FeatureInput[]): string {
  return JSON.stringify(inputs.map(({ name, datatype }) => ({ name, datatype })));
}
