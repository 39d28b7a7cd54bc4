import { RolloutPhase, RolloutTrigger } from '@perennial/contracts';
import { andThen, changed, type Decision, type Emit, unchanged } from './decision.js';
import { withoutRoutes } from './declared.js';
import {
  modelOf,
  type OpenPhase,
  type Phase,
  type Rollout,
  type SystemState,
  type Trigger,
} from './state.js';

export interface Begin {
  readonly rolloutId: string;
  readonly trigger: Trigger;
  readonly reason: string;
  readonly reviewId?: string;
}

/** Starts a rollout, once for each id; the caller has made sure that none is in flight and nothing is held. */
export function begin(
  state: SystemState,
  { rolloutId, trigger, reason, reviewId = '' }: Begin,
  now: number,
): Decision {
  if (state.rolloutIds.includes(rolloutId)) return unchanged(state);
  const { rows, labels } = state.verified;
  const firstTriedWith = state.champion === undefined ? rows + labels : state.firstTriedWith;
  const champion = modelOf(state, state.champion);
  const rollout: Rollout = {
    rolloutId,
    trigger,
    phase: 'TRAINING',
    reason,
    reviewId,
    plan: state.plan,
    requestedAt: now,
    endedAt: undefined,
    modelVersion: 0,
    canaryStep: 0,
    stepEpoch: 0,
    stepCount: 0,
    candidateCount: 0,
    inconclusiveCount: 0,
    seen: new Set(),
  };
  return changed(
    { ...state, rollout, firstTriedWith, rolloutIds: [...state.rolloutIds, rolloutId] },
    {
      event: 'rolloutRequested',
      aggregateId: rolloutId,
      body: {
        rolloutId,
        system: state.system,
        systemVersion: state.version,
        trigger: RolloutTrigger[trigger],
        reviewId,
        champion: { version: champion?.version ?? 0, digest: champion?.digest ?? '' },
      },
    },
  );
}

/** Moves the rollout in flight to an open phase, or to the next share of the canary. */
export function advance(
  state: SystemState,
  rollout: Rollout,
  to: OpenPhase,
  reason: string,
  more: Partial<Rollout> = {},
): Decision {
  const next: Rollout = { ...rollout, stepCount: 0, candidateCount: 0, ...more, phase: to, reason };
  return changed({ ...state, rollout: next }, advanced(state, rollout, next, reason));
}

/** Ends the rollout in flight. Its routes go with it, since routes follow from the state. */
export function end(
  state: SystemState,
  rollout: Rollout,
  to: 'PROMOTED' | 'REJECTED' | 'FAILED' | 'CANCELLED',
  reason: string,
  now: number,
): Decision {
  const ended: Rollout = { ...rollout, phase: to, reason, endedAt: now };
  return {
    ...changed({ ...state, rollout: undefined }, advanced(state, rollout, ended, reason)),
    effects: rollout.phase === 'TESTING' ? [{ kind: 'drop-test', rolloutId: rollout.rolloutId }] : [],
    ended: [ended],
  };
}

/** The candidate becomes champion and the rollout ends. */
export function promoteCandidate(
  state: SystemState,
  rollout: Rollout,
  reason: string,
  now: number,
): Decision {
  const moved = moveChampion(state, {
    version: rollout.modelVersion,
    reason,
    rolloutId: rollout.rolloutId,
    by: 'registry',
  });
  return andThen(moved, (after) => end(after, rollout, 'PROMOTED', reason, now));
}

export interface Move {
  readonly version: number;
  readonly reason: string;
  readonly rolloutId: string;
  readonly by: string;
}

/**
 * Moves the alias `champion` and remembers who held it; moving it back is `history`'s business. Declared variants and
 * rules end: they were about the champion that was.
 */
export function moveChampion(state: SystemState, move: Move): Decision {
  const history = state.champion === undefined ? state.history : [...state.history, state.champion];
  const declared = withoutRoutes(state.declared);
  return changed({ ...state, champion: move.version, history, declared }, promoted(state, move));
}

/** The event of an alias that moved. */
export function promoted(state: SystemState, { version, reason, rolloutId, by }: Move): Emit {
  const model = modelOf(state, version);
  return {
    event: 'modelPromoted',
    aggregateId: state.system,
    body: {
      system: state.system,
      alias: 'champion',
      version,
      previousVersion: state.champion ?? 0,
      reason,
      rolloutId,
      movedBy: by,
      evaluationValue: model?.evaluation.candidate?.value ?? 0,
      manifestDigest: model?.manifestDigest ?? '',
    },
  };
}

function advanced(
  state: SystemState,
  from: Rollout,
  to: { phase: Phase; modelVersion: number },
  reason: string,
): Emit {
  return {
    event: 'rolloutAdvanced',
    aggregateId: from.rolloutId,
    body: {
      rolloutId: from.rolloutId,
      system: state.system,
      from: RolloutPhase[from.phase],
      to: RolloutPhase[to.phase],
      reason,
      modelVersion: to.modelVersion,
    },
  };
}
