import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { PlatformError } from '@perennial/kernel';
import { type Decider, refusalError } from './apply-fact.js';
import { decideServed, type ServedFact, type ServedModel, servedDeployment } from './decide/served-model.js';
import { DeploymentRows } from './deployment-rows.js';
import { ServedModels } from './served-models.js';
import type { Db } from './store.js';

/**
 * Decides about an imported model, writes and tells, all in the caller's transaction, which holds the lock of its name.
 * `known` is what the transaction loaded; undefined for a name that is new.
 *
 * @throws PlatformError the decision's refusal, in which case nothing was written
 */
export async function applyServed(
  { tenant, clock }: Decider,
  tx: Db,
  {
    known,
    model,
    fact,
    emit,
  }: {
    readonly known: ServedModel | undefined;
    /** `known`, or a new model of that name. */
    readonly model: ServedModel;
    readonly fact: ServedFact;
    readonly emit: Emitter;
  },
): Promise<ServedModel> {
  const now = clock.now();
  const { state, emits, refusal } = decideServed(model, fact, now);
  if (refusal) throw refusalError(refusal);
  await new ServedModels(tx, tenant).save(known, state);
  if (state.epoch !== model.epoch) {
    const since = { now, dataTime: undefined };
    await new DeploymentRows(tx, tenant).save(servedDeployment(state), model.epoch, since);
  }
  for (const { event, aggregateId, body } of emits) await emit(events[event], aggregateId, body);
  return state;
}

/** A name is a system's or an imported model's, never both. */
export function nameTaken(name: string, by: 'system' | 'imported model'): PlatformError {
  return new PlatformError(
    'MODEL_NAME_CONFLICT',
    'caller',
    'never',
    `name: there is ${by === 'system' ? 'a system' : 'an imported model'} "${name}" already; choose another name`,
    { field: 'name' },
  );
}
