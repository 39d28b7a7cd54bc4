import type { EvaluationCompleted, FeatureInput } from '@perennial/contracts';
import type { ServeInit } from '../serve-settings.js';
import type { Declared } from './declared.js';

/** Phases of a rollout in flight, and how it can end. Names are those of `RolloutPhase` in the contracts. */
export type OpenPhase = 'TRAINING' | 'TESTING' | 'SHADOW' | 'CANARY';
export type EndPhase = 'PROMOTED' | 'REJECTED' | 'FAILED' | 'CANCELLED';
export type Phase = OpenPhase | EndPhase;
export type Trigger = 'FIRST' | 'REVIEW' | 'PERSON';

/** What a rollout follows; taken from the system as it was when the rollout began, so that a later apply changes none. */
export interface RolloutPlan {
  readonly metric: string;
  /** Share of the champion's loss that the candidate must take away: 0.05 is 5 %. */
  readonly betterBy: number;
  /** True where the system asks for confidence: the candidate's interval must then lie on the right side too. */
  readonly withConfidence: boolean;
  readonly slices: readonly { readonly column: string; readonly minRows: number }[];
  readonly servingP99MsMax: number | undefined;
  readonly servingMemoryBytesMax: number | undefined;
  readonly shadowPredictions: number;
  /** Shares of requests, 0 to 1, one step each. */
  readonly canaryShares: readonly number[];
  readonly stepPredictions: number;
}

/** One model version; only `tested` and `testReason` are ever set later. */
export interface Model {
  readonly version: number;
  readonly runId: string;
  readonly rolloutId: string;
  readonly datasetId: string;
  readonly digest: string;
  readonly bytes: number;
  readonly manifestDigest: string;
  readonly inputs: readonly FeatureInput[];
  readonly evaluation: EvaluationCompleted;
  readonly tested: 'untested' | 'passed' | 'failed';
  readonly testReason: string;
  readonly registeredAt: number;
  /** By the registry's key; empty where it has none. */
  readonly signature: string;
}

export interface Rollout {
  readonly rolloutId: string;
  readonly trigger: Trigger;
  readonly phase: Phase;
  readonly reason: string;
  readonly reviewId: string;
  readonly plan: RolloutPlan;
  readonly requestedAt: number;
  readonly endedAt: number | undefined;
  /** 0 until a candidate is registered. */
  readonly modelVersion: number;
  /** Index into `plan.canaryShares` while in CANARY. */
  readonly canaryStep: number;
  /** The deployment's epoch with which the present step began; earlier predictions say nothing about it. */
  readonly stepEpoch: number;
  /** Predictions of the present step that count. */
  readonly stepCount: number;
  /** How many of them the candidate itself answered. */
  readonly candidateCount: number;
  /** Answers of the candidate that failed for reasons that may not be its own, in the whole rollout. */
  readonly inconclusiveCount: number;
  /** Ids of predictions already looked at; a store may load only those that the fact at hand names. */
  readonly seen: ReadonlySet<string>;
}

/** What is known of a training run before both of its facts are in. */
export interface PendingRun {
  readonly completed?: { readonly datasetId: string; readonly modelBytes: number };
  readonly evaluated?: { readonly evaluation: EvaluationCompleted; readonly inputs: readonly FeatureInput[] };
}

/** Verified rows and labels of a source, and how far the rows reach in data time (ms; 0 where there are none). */
export interface Verified {
  readonly rows: number;
  readonly labels: number;
  readonly until: number;
}

/** All that decisions about one system depend on. */
export interface SystemState {
  readonly system: string;
  readonly version: number;
  readonly specJson: string;
  readonly pool: string;
  readonly onDecay: string;
  readonly firstTrainingLabelsMin: number;
  /** True where the label is an expression over the row itself, so that every row brings its own. */
  readonly isLabelInRow: boolean;
  /** Data time (ms) at which the span that is trained on ends; undefined where all rows are taken. */
  readonly trainsUntil: number | undefined;
  /** How the system is served. */
  readonly serve: ServeInit;
  /** What a rollout that begins now would follow. */
  readonly plan: RolloutPlan;
  /** Verified rows and labels of the system's source. */
  readonly verified: Verified;
  /** `rows + labels` when training was last asked for, or cancelled, without a champion; asking again by itself needs more. */
  readonly firstTriedWith: number;
  /** Process time of the rollback that holds promotions. */
  readonly heldAt: number | undefined;
  readonly champion: number | undefined;
  /** Former champions, the latest last. */
  readonly history: readonly number[];
  /** Versions of standing shadows. */
  readonly shadows: readonly number[];
  readonly declared: Declared;
  readonly epoch: number;
  readonly models: readonly Model[];
  readonly pendingRuns: Readonly<Record<string, PendingRun>>;
  /** Ids of all rollouts there ever were: an id is derived from its cause, and a cause starts one rollout at most. */
  readonly rolloutIds: readonly string[];
  /** The rollout in flight. */
  readonly rollout: Rollout | undefined;
}

/** The model with this version. */
export function modelOf(state: SystemState, version: number | undefined): Model | undefined {
  return version === undefined ? undefined : state.models.find((model) => model.version === version);
}
