import { nextWeights } from './bandit.js';
import { rebucket } from './buckets.js';
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
  const routing = { name: system, champion, epoch: state.epoch, declared: state.declared, versions };
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

/**
 * The labels say what the variants earned: their shares follow, as the system's bandit wants it. A word about less than
 * is known, or about other variants, changes nothing; nor does any while a canary has taken the variants' place.
 */
export function rewarded(state: SystemState, fact: Extract<Fact, { kind: 'rewarded' }>): Decision {
  const { declared, serve, rollout } = state;
  const { sinceEpoch, rewards } = fact;
  const rows = rewards.reduce((sum, reward) => sum + reward.rows, 0);
  const known = declared.rewarded;
  const isNew = sinceEpoch > known.sinceEpoch || (sinceEpoch === known.sinceEpoch && rows > known.rows);
  if (!serve.bandit || rollout?.phase === 'CANARY' || sinceEpoch < declared.trialEpoch || !isNew) {
    return unchanged(state);
  }
  const present = declared.variants.filter(({ weight }) => weight > 0);
  if (present.length < 2) return unchanged(state);
  const { minimize = false, floor = 0 } = serve.bandit;
  const next = nextWeights(present, rewards, { minimize, floor }, seedOf(sinceEpoch, rows));
  const others = declared.variants.filter(({ weight }) => weight === 0);
  const variants =
    next === present
      ? declared.variants
      : rebucket(
          declared.variants,
          [...next, ...others].sort((a, b) => a.version - b.version),
        );
  return changed({ ...state, declared: { ...declared, variants, rewarded: { sinceEpoch, rows } } });
}

/** The same rewards are drawn with the same numbers, whenever they are told again. */
function seedOf(sinceEpoch: number, rows: number): number {
  return (Math.imul(sinceEpoch, 0x9e3779b1) ^ rows) >>> 0;
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
