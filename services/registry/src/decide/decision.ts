import type { MessageInitShape } from '@bufbuild/protobuf';
import type { events } from '@perennial/contracts';
import type { Rollout, SystemState } from './state.js';

type Told =
  | 'rolloutRequested'
  | 'rolloutAdvanced'
  | 'modelRegistered'
  | 'modelTested'
  | 'modelPromoted'
  | 'deploymentUpdated';

/** A fact to tell, in order. */
export type Emit = {
  [Kind in Told]: {
    readonly event: Kind;
    readonly aggregateId: string;
    readonly body: MessageInitShape<(typeof events)[Kind]['schema']>;
  };
}[Told];

/** Work with the outside world, to be kept as rows in the same transaction. */
export type Effect =
  | { readonly kind: 'test-model'; readonly rolloutId: string; readonly version: number }
  | { readonly kind: 'drop-test'; readonly rolloutId: string };

/** Why a request of a person cannot be followed. */
export interface Refusal {
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

export interface Decision {
  readonly state: SystemState;
  readonly emits: readonly Emit[];
  readonly effects: readonly Effect[];
  /** Rollouts that ended with this decision. */
  readonly ended: readonly Rollout[];
  readonly refusal?: Refusal;
}

export function unchanged(state: SystemState): Decision {
  return { state, emits: [], effects: [], ended: [] };
}

export function changed(state: SystemState, ...emits: Emit[]): Decision {
  return { state, emits, effects: [], ended: [] };
}

export function refused(state: SystemState, refusal: Refusal): Decision {
  return { ...unchanged(state), refusal };
}

/** The first decision, and then the second one about the state it left. A refusal ends the chain. */
export function andThen(first: Decision, next: (state: SystemState) => Decision): Decision {
  if (first.refusal) return first;
  const second = next(first.state);
  return {
    state: second.state,
    emits: [...first.emits, ...second.emits],
    effects: [...first.effects, ...second.effects],
    ended: [...first.ended, ...second.ended],
    ...(second.refusal && { refusal: second.refusal }),
  };
}
