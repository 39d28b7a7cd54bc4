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
import { applyServed } from '../apply-served.js';
import type { PersonFact } from '../decide/facts.js';
import type { ServedFact, ServedModel } from '../decide/served-model.js';
import type { SystemState } from '../decide/state.js';
import { ServedModels } from '../served-models.js';
import type { RpcContext } from './context.js';
import { resolve, resolveServed } from './references.js';

/** What a person asks for: each call is one transaction, from the lock on the system to the events. */

export async function rollback(context: RpcContext, { system, reason, requestedBy }: RollbackRequest) {
  const fact = { kind: 'rollback', reason, by: requestedBy } as const;
  const moves = await move(context, system, { ofSystem: () => fact, ofModel: () => fact });
  return create(RollbackResponseSchema, moves);
}

export async function promote(context: RpcContext, request: PromoteRequest) {
  const { system, reference, reason, requestedBy } = request;
  const factOf = (version: number) => ({ kind: 'promote', version, reason, by: requestedBy }) as const;
  const moves = await move(context, system, {
    ofSystem: (state) => factOf(resolve(state, reference).version),
    ofModel: (model) => factOf(resolveServed(model, reference)),
  });
  return create(PromoteResponseSchema, moves);
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

interface Moves {
  readonly ofSystem: (state: SystemState) => PersonFact;
  readonly ofModel: (model: ServedModel) => ServedFact;
}

/** Moves the champion of whatever has this name: a system, or a model that was imported. */
async function move(context: RpcContext, name: string, { ofSystem, ofModel }: Moves) {
  const { decider, transact } = context;
  const served = await transact(async (tx, emit) => {
    const models = new ServedModels(tx, decider.tenant);
    await models.lockName(name);
    const before = await models.load(name);
    if (!before) return undefined;
    const after = await applyServed(decider, tx, {
      known: before,
      model: before,
      fact: ofModel(before),
      emit,
    });
    return moved(before, after);
  });
  if (served) return served;
  const { before, after } = await change(context, name, ofSystem);
  return moved(before, after);
}

interface Standing {
  readonly champion: number | undefined;
  readonly epoch: number;
}

function moved(before: Standing, after: Standing) {
  return {
    fromVersion: before.champion ?? 0,
    toVersion: after.champion ?? 0,
    epoch: BigInt(after.epoch),
  };
}
