import { andThen, type Decision, unchanged } from './decision.js';
import { settle } from './deployment.js';
import type { Fact } from './facts.js';
import { addShadow, cancelRollout, promote, removeShadow, resume, retrain, rollback } from './person.js';
import { runTold } from './registration.js';
import { inPhase } from './rollout.js';
import { modelsSigned, rewarded, setAvailability, setRoutes } from './routes.js';
import type { SystemState } from './state.js';
import { considerFirst, dataVerified, reviewConcluded, systemApplied } from './triggers.js';

/**
 * What a fact changes about a system: its next state, what to tell, and which work with the outside world to keep as
 * rows. `before` is the state that gateway and inference were last told of; it differs from `state` only when a new
 * system.yaml was applied.
 */
export function decide(state: SystemState, fact: Fact, now: number, before: SystemState = state): Decision {
  const decision = decided(state, fact, now);
  // More data may have come while a first training that failed was under way.
  const isOver = decision.ended.length > 0;
  return settle(before, isOver ? andThen(decision, (after) => considerFirst(after, now)) : decision);
}

function decided(state: SystemState, fact: Fact, now: number): Decision {
  switch (fact.kind) {
    case 'data-verified':
      return dataVerified(state, fact, now);
    case 'review-concluded':
      return reviewConcluded(state, fact, now);
    case 'run-completed':
    case 'evaluated':
      return runTold(state, fact, now);
    case 'dataset-refused':
    case 'run-failed':
    case 'model-tested':
    case 'predictions':
      return inPhase(state, fact, now);
    case 'system-applied':
      return systemApplied(state, now);
    case 'rewarded':
      return rewarded(state, fact);
    case 'models-signed':
      return modelsSigned(state, fact);
    default:
      return asked(state, fact, now);
  }
}

function asked(state: SystemState, fact: Fact, now: number): Decision {
  switch (fact.kind) {
    case 'rollback':
      return rollback(state, fact, now);
    case 'promote':
      return promote(state, fact, now);
    case 'resume':
      return resume(state);
    case 'add-shadow':
      return addShadow(state, fact);
    case 'remove-shadow':
      return removeShadow(state, fact);
    case 'set-routes':
      return setRoutes(state, fact);
    case 'set-availability':
      return setAvailability(state, fact);
    case 'cancel-rollout':
      return cancelRollout(state, fact, now);
    case 'retrain':
      return retrain(state, fact, now);
    default:
      return unchanged(state);
  }
}
