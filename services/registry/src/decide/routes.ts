import { changed, type Decision, refused, unchanged } from './decision.js';
import { declare } from './declared.js';
import type { Fact, PersonFact } from './facts.js';
import type { SystemState } from './state.js';

type Asked<Kind extends PersonFact['kind']> = Extract<Fact, { kind: Kind }>;

/** Who answers a system's requests, as a person says; until another version is promoted, or one rolled back. */
export function setRoutes(state: SystemState, { asked }: Asked<'set-routes'>): Decision {
  const { system, champion, rollout } = state;
  if (champion === undefined) {
    return refused(state, {
      code: 'ROUTES_CONFLICT',
      field: 'name',
      message: `${system} has no champion yet that requests could be shared with; wait for its first one`,
    });
  }
  if (rollout) {
    return refused(state, {
      code: 'ROLLOUT_IN_FLIGHT_CONFLICT',
      field: 'name',
      message: `${system} has a rollout in flight (${rollout.rolloutId}, ${rollout.phase.toLowerCase()}), which moves its routes; wait for its end, or cancel it`,
    });
  }
  const versions = state.models.map(({ version, tested }) => ({
    version,
    // Features that one version needs and another does not are asked for in any case.
    inputs: [],
    outputs: [],
    ...(tested === 'failed' && { whyNot: 'failed its test in the inference service' }),
  }));
  const routing = { name: system, champion, declared: state.declared, versions };
  const routed = declare(routing, asked, false);
  if ('code' in routed) return refused(state, routed);
  return changed({ ...state, declared: routed.declared, shadows: routed.shadows });
}

/** Whether anything of a system is answered at all. */
export function setAvailability(state: SystemState, { available }: Asked<'set-availability'>): Decision {
  if (state.champion === undefined) {
    return refused(state, {
      code: 'ROUTES_CONFLICT',
      field: 'name',
      message: `${state.system} has no champion yet that could be loaded; wait for its first one`,
    });
  }
  if (state.declared.unloaded === !available) return unchanged(state);
  return changed({ ...state, declared: { ...state.declared, unloaded: !available } });
}

/** The registry's key was there only after some versions were: now they are signed too. */
export function modelsSigned(
  state: SystemState,
  { signatures }: Extract<Fact, { kind: 'models-signed' }>,
): Decision {
  const models = state.models.map((model) => ({
    ...model,
    signature: signatures.get(model.version) ?? model.signature,
  }));
  return changed({ ...state, models });
}
