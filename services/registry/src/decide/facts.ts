import type { EvaluationCompleted, FeatureInput } from '@perennial/contracts';
import type { VariantReward } from './bandit.js';
import type { ToldPrediction } from './candidate-answers.js';
import type { RoutesAsked } from './declared.js';
import type { Verified } from './state.js';

/** What the inference service said of a candidate, or why it could not be asked. */
export interface TestAnswer {
  readonly passed: boolean;
  readonly reason: string;
  readonly goldenRequests: number;
  readonly latencyP99Ms: number;
  readonly memoryBytes: number;
}

/** All that can happen to a system. Totals and ids rather than increments, so that repeating one changes nothing. */
export type Fact =
  | ({ readonly kind: 'data-verified' } & Verified)
  | {
      readonly kind: 'review-concluded';
      readonly reviewId: string;
      readonly isWorldChanged: boolean;
      readonly concludedAt: number;
    }
  | { readonly kind: 'dataset-refused'; readonly rolloutId: string; readonly reason: string }
  | { readonly kind: 'run-failed'; readonly rolloutId: string; readonly reason: string }
  | {
      readonly kind: 'run-completed';
      readonly runId: string;
      readonly datasetId: string;
      readonly modelBytes: number;
    }
  | {
      readonly kind: 'evaluated';
      readonly evaluation: EvaluationCompleted;
      readonly inputs: readonly FeatureInput[];
    }
  | { readonly kind: 'model-tested'; readonly rolloutId: string; readonly answer: TestAnswer }
  | { readonly kind: 'predictions'; readonly predictions: readonly ToldPrediction[] }
  | { readonly kind: 'system-applied' }
  | {
      readonly kind: 'rewarded';
      readonly sinceEpoch: number;
      readonly rewards: readonly VariantReward[];
    }
  | { readonly kind: 'models-signed'; readonly signatures: ReadonlyMap<number, string> }
  | PersonFact;

/** What a person asks for; these may be refused. */
export type PersonFact =
  | { readonly kind: 'rollback'; readonly reason: string; readonly by: string }
  | { readonly kind: 'promote'; readonly version: number; readonly reason: string; readonly by: string }
  | { readonly kind: 'resume' }
  | { readonly kind: 'add-shadow'; readonly version: number }
  | { readonly kind: 'remove-shadow'; readonly version: number }
  | { readonly kind: 'set-routes'; readonly asked: RoutesAsked }
  | { readonly kind: 'set-availability'; readonly available: boolean }
  | { readonly kind: 'cancel-rollout'; readonly reason: string; readonly by: string }
  | { readonly kind: 'retrain'; readonly requestId: string; readonly reason: string; readonly by: string };

export type PhaseFact = Extract<
  Fact,
  { kind: 'dataset-refused' | 'run-failed' | 'model-tested' | 'predictions' }
>;
