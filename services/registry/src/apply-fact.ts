import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Clock, notFound, PlatformError } from '@perennial/kernel';
import { decide } from './decide/decide.js';
import type { Decision, Refusal } from './decide/decision.js';
import type { Fact } from './decide/facts.js';
import type { SystemState } from './decide/state.js';
import type { SystemSettings } from './plan-of.js';
import { ServedModels } from './served-models.js';
import { type Sign, withSignatures } from './sign.js';
import { type Cause, type Db, Store } from './store.js';

/** What every shell of this service needs to turn a fact into writes and events. */
export interface Decider {
  readonly tenant: string;
  readonly clock: Clock;
  readonly settingsOf: (specJson: string) => SystemSettings;
  /** Absent without a key. */
  readonly sign?: Sign | undefined;
}

export interface Told {
  readonly fact: Fact;
  readonly cause: Cause;
  readonly emit: Emitter;
}

export function storeOf(decider: Decider, db: Db): Store {
  return new Store(db, decider.tenant, decider.settingsOf);
}

/**
 * Loads the system under its lock, decides, writes and tells, all in the caller's transaction. Returns the decision.
 *
 * @throws PlatformError SYSTEM_NOT_FOUND; or the decision's refusal, in which case nothing was written
 */
export async function applyFact(decider: Decider, db: Db, system: string, told: Told): Promise<Decision> {
  const { fact } = told;
  const ids = fact.kind === 'predictions' ? fact.predictions.map((one) => one.predictionId) : [];
  const state = await storeOf(decider, db).load(system, ids);
  if (!state) throw unknownSystem(system);
  return applyTo(decider, db, { state, before: state }, told);
}

/** The same for a state already loaded; `before` is what gateway and inference were last told of. */
export async function applyTo(
  decider: Decider,
  db: Db,
  { state, before }: { state: SystemState; before: SystemState },
  { fact, cause, emit }: Told,
): Promise<Decision> {
  const now = decider.clock.now();
  const unsigned = decide(state, fact, now, before);
  if (unsigned.refusal) throw refusalError(unsigned.refusal);
  const decision = decider.sign ? withSignatures(state, unsigned, decider.sign) : unsigned;
  await storeOf(decider, db).save(state, decision, cause, now);
  for (const { event, aggregateId, body } of decision.emits) await emit(events[event], aggregateId, body);
  return decision;
}

export function refusalError({ code, message, field }: Refusal): PlatformError {
  return new PlatformError(code, 'caller', 'never', message, { field });
}

/** The same to a person, who may have named a model that was imported. */
export async function noSystem(decider: Decider, db: Db, name: string): Promise<PlatformError> {
  if (!(await new ServedModels(db, decider.tenant).load(name))) return unknownSystem(name);
  return new PlatformError(
    'MODEL_IMPORTED_CONFLICT',
    'caller',
    'never',
    `system: "${name}" is an imported model and no system; say who answers with its routes, or import a version with promote`,
    { field: 'system' },
  );
}

export function unknownSystem(system: string): PlatformError {
  return notFound(
    'SYSTEM_NOT_FOUND',
    `system: there is no "${system}"; apply its system.yaml first, or look at the list of systems`,
    { field: 'system' },
  );
}
