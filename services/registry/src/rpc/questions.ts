import { create } from '@bufbuild/protobuf';
import {
  type GetModelRequest,
  GetModelResponseSchema,
  type GetSystemRequest,
  GetSystemResponseSchema,
  type ListModelsRequest,
  ListModelsResponseSchema,
  ListSystemsResponseSchema,
} from '@perennial/contracts';
import { systemFromJson } from '@perennial/spec';
import { noSystem, storeOf } from '../apply-fact.js';
import type { SystemState } from '../decide/state.js';
import { DeploymentRows } from '../deployment-rows.js';
import { Listings, type RolloutRow } from '../listings.js';
import type { RpcContext } from './context.js';
import { resolve } from './references.js';
import { shownModel, shownRollout, shownSystem } from './shown.js';

export async function listSystems(context: RpcContext) {
  const listings = new Listings(context.db, context.decider.tenant);
  const systems = [];
  for (const name of await listings.systemNames()) {
    const state = await stateOf(context, name);
    const isIdle = state.champion === undefined && state.rollout === undefined;
    systems.push(summaryOf(state, isIdle ? await listings.rollouts(name) : []));
  }
  return create(ListSystemsResponseSchema, { systems });
}

export async function getSystem(context: RpcContext, { system }: GetSystemRequest) {
  const listings = new Listings(context.db, context.decider.tenant);
  const state = await stateOf(context, system);
  const deployment = await new DeploymentRows(context.db, context.decider.tenant).current(system);
  const rollouts = await listings.rollouts(system);
  return create(GetSystemResponseSchema, {
    summary: summaryOf(state, rollouts),
    specJson: state.specJson,
    ...(deployment && { deployment }),
    rollouts: rollouts.map(shownRollout),
  });
}

export async function listModels(context: RpcContext, { system }: ListModelsRequest) {
  const state = await stateOf(context, system);
  return create(ListModelsResponseSchema, {
    models: state.models.map((model) => shownModel(state, model)).reverse(),
  });
}

export async function getModel(context: RpcContext, { system, reference }: GetModelRequest) {
  const state = await stateOf(context, system);
  const model = resolve(state, reference);
  return create(GetModelResponseSchema, {
    model: shownModel(state, model),
    manifestJson: await context.manifests.jsonOf(model.manifestDigest),
  });
}

async function stateOf({ decider, db }: RpcContext, system: string): Promise<SystemState> {
  const state = await storeOf(decider, db).peek(system);
  if (!state) throw await noSystem(decider, db, system);
  return state;
}

/** The newest rollout comes first. */
function summaryOf(state: SystemState, rollouts: readonly RolloutRow[]) {
  return shownSystem(state, systemFromJson(state.specJson).purpose ?? '', rollouts[0]);
}
