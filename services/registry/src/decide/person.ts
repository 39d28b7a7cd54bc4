import { uuidv5 } from '@perennial/kernel';
import { andThen, changed, type Decision, refused, unchanged } from './decision.js';
import { withoutRoutes } from './declared.js';
import type { Fact, PersonFact } from './facts.js';
import { begin, end, moveChampion, promoted } from './rollout-steps.js';
import { modelOf, type SystemState } from './state.js';

type Asked<Kind extends PersonFact['kind']> = Extract<Fact, { kind: Kind }>;

/**
 * The previous champion is back, promotions are held, and what was in flight is over. A second rollback goes further
 * back: `history` is a stack.
 */
export function rollback(state: SystemState, { reason, by }: Asked<'rollback'>, now: number): Decision {
  const version = state.history.at(-1);
  if (version === undefined || state.champion === undefined) {
    return refused(state, {
      code: 'ROLLBACK_CONFLICT',
      field: 'system',
      message: `${state.system} has no earlier champion to go back to; promote a version by number instead`,
    });
  }
  const text = reason || 'rolled back';
  const back = changed(
    {
      ...state,
      champion: version,
      history: state.history.slice(0, -1),
      heldAt: now,
      declared: withoutRoutes(state.declared),
    },
    promoted(state, { version, reason: text, rolloutId: '', by }),
  );
  return andThen(cancel(state, `rolled back to version ${version}`, now), (idle) => ({
    ...back,
    state: { ...back.state, rollout: idle.rollout },
  }));
}

/** A version becomes champion because a person says so. Hold and standing shadows stay as they are. */
export function promote(
  state: SystemState,
  { version, reason, by }: Asked<'promote'>,
  now: number,
): Decision {
  const model = modelOf(state, version);
  if (!model) return unknownVersion(state, version);
  if (model.tested === 'failed') {
    return refused(state, {
      code: 'MODEL_TEST_CONFLICT',
      field: 'reference',
      message: `version ${version} failed its test in the inference service (${model.testReason}); promote another one`,
    });
  }
  if (state.champion === version) return unchanged(state);
  const { rollout } = state;
  const text = reason || 'promoted by hand';
  const isCandidate = rollout?.modelVersion === version;
  const ended = isCandidate
    ? end(state, rollout, 'PROMOTED', text, now)
    : cancel(state, `version ${version} was promoted by hand`, now);
  const rolloutId = isCandidate ? rollout.rolloutId : '';
  return andThen(ended, (idle) => moveChampion(idle, { version, reason: text, rolloutId, by }));
}

export function resume(state: SystemState): Decision {
  return state.heldAt === undefined ? unchanged(state) : changed({ ...state, heldAt: undefined });
}

export function addShadow(state: SystemState, { version }: Asked<'add-shadow'>): Decision {
  if (!modelOf(state, version)) return unknownVersion(state, version);
  if (state.shadows.includes(version)) return unchanged(state);
  return changed({ ...state, shadows: [...state.shadows, version].sort((a, b) => a - b) });
}

export function removeShadow(state: SystemState, { version }: Asked<'remove-shadow'>): Decision {
  if (!state.shadows.includes(version)) {
    return refused(state, {
      code: 'SHADOW_NOT_FOUND',
      field: 'reference',
      message: `version ${version} is no standing shadow of ${state.system}; it has ${list(state.shadows)}`,
    });
  }
  return changed({ ...state, shadows: state.shadows.filter((shadow) => shadow !== version) });
}

export function retrain(state: SystemState, fact: Asked<'retrain'>, now: number): Decision {
  if (state.rollout) {
    return refused(state, {
      code: 'ROLLOUT_IN_FLIGHT_CONFLICT',
      field: 'system',
      message: `${state.system} has a rollout in flight (${state.rollout.rolloutId}, ${state.rollout.phase.toLowerCase()}); wait for its end, or cancel it`,
    });
  }
  if (state.heldAt !== undefined) {
    return refused(state, {
      code: 'PROMOTIONS_HELD_CONFLICT',
      field: 'system',
      message: `promotions of ${state.system} are held since a rollback; resume it first`,
    });
  }
  const rolloutId = uuidv5('rollout', state.system, 'person', fact.requestId);
  const reason = `${fact.reason || 'asked for'} (${fact.by || 'unknown'})`;
  return begin(state, { rolloutId, trigger: 'PERSON', reason }, now);
}

/**
 * The rollout in flight is over and the champion stays. Where nothing serves, no other one begins by itself on the data
 * that are verified by now, though some of them may have come since the cancelled one was asked for.
 */
export function cancelRollout(
  state: SystemState,
  { reason, by }: Asked<'cancel-rollout'>,
  now: number,
): Decision {
  if (!state.rollout) {
    return refused(state, {
      code: 'ROLLOUT_NOT_FOUND',
      field: 'system',
      message: `${state.system} has no rollout in flight, so there is nothing to cancel; retrain starts one`,
    });
  }
  const ended = cancel(state, `${reason || 'cancelled'} (${by || 'unknown'})`, now);
  if (state.champion !== undefined) return ended;
  const { rows, labels } = state.verified;
  return { ...ended, state: { ...ended.state, firstTriedWith: rows + labels } };
}

function cancel(state: SystemState, reason: string, now: number): Decision {
  return state.rollout ? end(state, state.rollout, 'CANCELLED', reason, now) : unchanged(state);
}

function unknownVersion(state: SystemState, version: number): Decision {
  return refused(state, {
    code: 'MODEL_NOT_FOUND',
    field: 'reference',
    message: `${state.system} has no version ${version}; it has ${list(state.models.map((model) => model.version))}`,
  });
}

function list(versions: readonly number[]): string {
  return versions.length ? `version ${versions.join(', ')}` : 'none';
}
