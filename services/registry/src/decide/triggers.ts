import { uuidv5 } from '@perennial/kernel';
import { andThen, changed, type Decision, unchanged } from './decision.js';
import type { Fact } from './facts.js';
import { begin } from './rollout-steps.js';
import type { SystemState } from './state.js';

/**
 * Asks for the first model once there are rows and labels enough and the span to train on is over, and again after one came to nothing when more data
 * have been verified since it was asked for.
 */
export function considerFirst(state: SystemState, now: number): Decision {
  const { rows, until } = state.verified;
  const labels = state.isLabelInRow ? rows : state.verified.labels;
  const isEnough = Math.min(rows, labels) >= state.firstTrainingLabelsMin;
  const isThere = state.trainsUntil === undefined || until >= state.trainsUntil;
  const isIdle = state.champion === undefined && !state.rollout && state.heldAt === undefined;
  if (!isIdle || !isEnough || !isThere || total(state.verified) <= state.firstTriedWith)
    return unchanged(state);
  return begin(
    state,
    {
      rolloutId: uuidv5(
        'rollout',
        state.system,
        'first',
        String(state.version),
        String(total(state.verified)),
      ),
      trigger: 'FIRST',
      reason: `${labels} labels are verified and nothing serves yet`,
    },
    now,
  );
}

function total({ rows, labels }: SystemState['verified']): number {
  return rows + labels;
}

/** A new version of the system may succeed where the one before came to nothing, on the same data. */
export function systemApplied(state: SystemState, now: number): Decision {
  return considerFirst({ ...state, firstTriedWith: 0 }, now);
}

/** Totals only grow; a late smaller one changes nothing. */
export function dataVerified(
  state: SystemState,
  { rows, labels, until }: Extract<Fact, { kind: 'data-verified' }>,
  now: number,
): Decision {
  const verified = {
    rows: Math.max(rows, state.verified.rows),
    labels: Math.max(labels, state.verified.labels),
    until: Math.max(until, state.verified.until),
  };
  return considerFirst({ ...state, verified }, now);
}

/** A review that was concluded after a rollback lifts the hold; one that found a changed world starts a rollout. */
export function reviewConcluded(
  state: SystemState,
  { reviewId, isWorldChanged, concludedAt }: Extract<Fact, { kind: 'review-concluded' }>,
  now: number,
): Decision {
  if (state.heldAt !== undefined && concludedAt <= state.heldAt) return unchanged(state);
  const lifted = state.heldAt === undefined ? unchanged(state) : changed({ ...state, heldAt: undefined });
  if (!isWorldChanged || state.onDecay !== 'retrain') return lifted;
  if (state.champion === undefined || state.rollout) return lifted;
  const reason = 'the review found that the world changed';
  const rolloutId = uuidv5('rollout', state.system, 'review', reviewId);
  return andThen(lifted, (after) => begin(after, { rolloutId, trigger: 'REVIEW', reason, reviewId }, now));
}
