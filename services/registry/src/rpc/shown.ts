import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ModelVersion,
  ModelVersionSchema,
  RolloutPhase,
  type RolloutSummary,
  RolloutSummarySchema,
  RolloutTrigger,
  type SystemSummary,
  SystemSummarySchema,
} from '@perennial/contracts';
import { formatEventTime } from '@perennial/kernel';
import type { Model, Phase, Rollout, SystemState, Trigger } from '../decide/state.js';
import type { RolloutRow } from '../listings.js';
import { aliasesOf } from './references.js';

/** State as the answers of the API show it. */

/** How the newest rollout ended: what there is to say of a system that has no champion and trains none. */
export type LastEnd = Pick<RolloutRow, 'phase' | 'reason'>;

export function shownSystem(state: SystemState, purpose: string, lastEnd?: LastEnd): SystemSummary {
  return create(SystemSummarySchema, {
    system: state.system,
    version: state.version,
    purpose,
    champion: state.champion ?? 0,
    held: state.heldAt !== undefined,
    activity: activityOf(state, lastEnd),
  });
}

function activityOf(state: SystemState, lastEnd: LastEnd | undefined): string {
  const { rollout, champion, heldAt } = state;
  if (rollout) return rolloutText(rollout);
  if (champion === undefined) return lastEnd ? endText(lastEnd) : `waits for data: ${waitText(state)}`;
  return heldAt === undefined ? 'serves and is watched' : 'serves; promotions are held';
}

function endText({ phase, reason }: LastEnd): string {
  const end = phase === 'REJECTED' ? 'was rejected' : 'failed';
  return `has no model: the last candidate ${end} (${reason}); more data or a retrain begins another`;
}

function waitText({ verified, firstTrainingLabelsMin, isLabelInRow, trainsUntil }: SystemState): string {
  const has = isLabelInRow ? `${verified.rows} rows` : `${verified.rows} rows and ${verified.labels} labels`;
  const needs = `${firstTrainingLabelsMin}${isLabelInRow ? '' : ' of each'}`;
  const span =
    trainsUntil === undefined
      ? ''
      : `, and rows up to ${formatEventTime(trainsUntil)}, or be asked to retrain`;
  return `${has} are verified, a first training needs ${needs}${span}`;
}

function rolloutText({ phase, plan, stepCount, canaryStep, modelVersion }: Rollout): string {
  switch (phase) {
    case 'TRAINING':
      return 'trains a candidate';
    case 'TESTING':
      return `tests version ${modelVersion} in the inference service`;
    case 'SHADOW':
      return `version ${modelVersion} is a shadow: ${stepCount} of ${plan.shadowPredictions} predictions`;
    default:
      return `version ${modelVersion} is a canary at ${(plan.canaryShares[canaryStep] ?? 0) * 100} %: ${stepCount} of ${plan.stepPredictions} predictions`;
  }
}

export function shownModel(state: SystemState, model: Model): ModelVersion {
  const { version, digest, manifestDigest, runId, datasetId, rolloutId, evaluation } = model;
  return create(ModelVersionSchema, {
    system: state.system,
    version,
    digest,
    bytes: BigInt(model.bytes),
    manifestDigest,
    runId,
    datasetId,
    rolloutId,
    aliases: aliasesOf(state, version),
    evaluation,
    registeredAt: timestampFromMs(model.registeredAt),
    tested: model.testReason ? `${model.tested}: ${model.testReason}` : model.tested,
  });
}

export function shownRollout(row: RolloutRow): RolloutSummary {
  return create(RolloutSummarySchema, {
    rolloutId: row.rollout_id,
    trigger: RolloutTrigger[row.trigger as Trigger],
    phase: RolloutPhase[row.phase as Phase],
    reason: row.reason,
    modelVersion: row.model_version,
    reviewId: row.review_id,
    requestedAt: timestampFromMs(row.requested_at.getTime()),
    ...(row.ended_at && { endedAt: timestampFromMs(row.ended_at.getTime()) }),
  });
}
