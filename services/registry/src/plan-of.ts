import type { RolloutPlan, SystemState } from './decide/state.js';

/** What decisions need of a system.yaml. */
export type SystemSettings = Pick<SystemState, 'pool' | 'onDecay' | 'firstTrainingLabelsMin' | 'plan'>;
export type { RolloutPlan };
