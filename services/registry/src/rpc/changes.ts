import { create } from '@bufbuild/protobuf';
import {
  type AddShadowRequest,
  AddShadowResponseSchema,
  type CancelRolloutRequest,
  CancelRolloutResponseSchema,
  type PromoteRequest,
  PromoteResponseSchema,
  type RemoveShadowRequest,
  RemoveShadowResponseSchema,
  type ResumeRequest,
  ResumeResponseSchema,
  type RetrainRequest,
  RetrainResponseSchema,
  type RollbackRequest,
  RollbackResponseSchema,
} from '@perennial/contracts';
import { assert, uuidv7 } from '@perennial/kernel';
import { applyTo, noSystem, storeOf } from '../apply-fact.js';
import type { PersonFact } from '../decide/facts.js';
import type { SystemState } from '../decide/state.js';
import type { RpcContext } from './context.js';
import { resolve } from './references.js';

/** What a person asks for: each call is one transaction, from the lock on the system to the events. */

export async function rollback(context: RpcContext, { system, reason, requestedBy }: RollbackRequest) {
  const { before, after } = await change(context, system, () => ({
    kind: 'rollback',
    reason,
    by: requestedBy,
  }));
  return create(RollbackResponseSchema, moved(before, after));
}

export async function promote(context: RpcContext, request: PromoteRequest) {
  const { before, after } = await change(context, request.system, (state) => ({
    kind: 'promote',
    version: resolve(state, request.reference).version,
    reason: request.reason,
    by: request.requestedBy,
  }));
  return create(PromoteResponseSchema, moved(before, after));
}

export async function resume(context: RpcContext, { system }: ResumeRequest) {
  const { after } = await change(context, system, () => ({ kind: 'resume' }));
  return create(ResumeResponseSchema, { epoch: BigInt(after.epoch) });
}

export async function addShadow(context: RpcContext, { system, reference }: AddShadowRequest) {
  let version = 0;
  const { after } = await change(context, system, (state) => {
    version = resolve(state, reference).version;
    return { kind: 'add-shadow', version };
  });
  return create(AddShadowResponseSchema, { version, epoch: BigInt(after.epoch) });
}

export async function removeShadow(context: RpcContext, { system, reference }: RemoveShadowRequest) {
  const { after } = await change(context, system, (state) => ({
    kind: 'remove-shadow',
    version: resolve(state, reference).version,
  }));
  return create(RemoveShadowResponseSchema, { epoch: BigInt(after.epoch) });
}

export async function retrain(context: RpcContext, { system, reason, requestedBy }: RetrainRequest) {
  const requestId = uuidv7(context.decider.clock);
  const { after } = await change(context, system, () => ({
    kind: 'retrain',
    requestId,
    reason,
    by: requestedBy,
  }));
  assert(after.rollout, 'a retraining that was not refused is in flight');
  return create(RetrainResponseSchema, { rolloutId: after.rollout.rolloutId });
}

export async function cancelRollout(
  context: RpcContext,
  { system, reason, requestedBy }: CancelRolloutRequest,
) {
  const { before, after } = await change(context, system, () => ({
    kind: 'cancel-rollout',
    reason,
    by: requestedBy,
  }));
  assert(before.rollout, 'a cancellation that was not refused had a rollout to end');
  return create(CancelRolloutResponseSchema, {
    rolloutId: before.rollout.rolloutId,
    epoch: BigInt(after.epoch),
  });
}

async function change(
  { decider, transact }: RpcContext,
  system: string,
  factOf: (state: SystemState) => PersonFact,
): Promise<{ before: SystemState; after: SystemState }> {
  return transact(async (tx, emit) => {
    const before = await storeOf(decider, tx).load(system);
    if (!before) throw await noSystem(decider, tx, system);
    const told = { fact: factOf(before), cause: {}, emit };
    const { state: after } = await applyTo(decider, tx, { state: before, before }, told);
    return { before, after };
  });
}

function moved(before: SystemState, after: SystemState) {
  return {
    fromVersion: before.champion ?? 0,
    toVersion: after.champion ?? 0,
    epoch: BigInt(after.epoch),
  };
}
