import { create } from '@bufbuild/protobuf';
import {
  type SetAvailabilityRequest,
  SetAvailabilityResponseSchema,
  type SetRoutesRequest,
  SetRoutesResponseSchema,
} from '@perennial/contracts';
import { applyTo, storeOf } from '../apply-fact.js';
import { applyServed } from '../apply-served.js';
import type { RoutesAsked } from '../decide/declared.js';
import type { PersonFact } from '../decide/facts.js';
import type { ServedFact } from '../decide/served-model.js';
import { ServedModels } from '../served-models.js';
import type { RpcContext } from './context.js';
import { unknownModel } from './served-models.js';

const resetNote =
  'these routes hold until another version becomes the champion, by a rollout or a rollback: then it answers alone';

/** Who answers which requests, of a system or of an imported model. */
export async function setRoutes(context: RpcContext, request: SetRoutesRequest) {
  const { name, requestedBy } = request;
  const asked: RoutesAsked = {
    variants: request.variants.map(({ version, weight }) => ({ version, weight })),
    shadows: request.shadows,
    rules: request.rules.map(({ header, equals, tenant, caller, version }) => ({
      header: header.toLowerCase(),
      equals,
      tenant,
      caller,
      version,
    })),
  };
  const { epoch, isSystem } = await change(context, name, {
    ofSystem: { kind: 'set-routes', asked },
    ofModel: { kind: 'set-routes', asked, by: requestedBy },
  });
  const isShared = asked.variants.length > 0 || asked.rules.length > 0;
  return create(SetRoutesResponseSchema, {
    epoch: BigInt(epoch),
    note: isSystem && isShared ? resetNote : '',
  });
}

export async function setAvailability(context: RpcContext, { name, available }: SetAvailabilityRequest) {
  const fact = { kind: 'set-availability', available } as const;
  const { epoch } = await change(context, name, { ofSystem: fact, ofModel: fact });
  return create(SetAvailabilityResponseSchema, { epoch: BigInt(epoch) });
}

interface Facts {
  readonly ofSystem: PersonFact;
  readonly ofModel: ServedFact;
}

/**
 * Changes whatever has this name, in one transaction.
 *
 * @throws PlatformError MODEL_NOT_FOUND, or the decision's refusal
 */
async function change(
  { decider, transact }: RpcContext,
  name: string,
  { ofSystem, ofModel }: Facts,
): Promise<{ epoch: number; isSystem: boolean }> {
  return transact(async (tx, emit) => {
    const models = new ServedModels(tx, decider.tenant);
    await models.lockName(name);
    const model = await models.load(name);
    if (model) {
      const after = await applyServed(decider, tx, { known: model, model, fact: ofModel, emit });
      return { epoch: after.epoch, isSystem: false };
    }
    const state = await storeOf(decider, tx).load(name);
    if (!state) throw unknownModel(name);
    const told = { fact: ofSystem, cause: {}, emit };
    const { state: after } = await applyTo(decider, tx, { state, before: state }, told);
    return { epoch: after.epoch, isSystem: true };
  });
}
