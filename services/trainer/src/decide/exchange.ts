import type { Encode } from '@perennial/learn';

/** A column of rows: numbers with NaN for missing, or texts with '' for missing. */
export type Column = Float64Array | readonly string[];
export type Task = 'regression' | 'classification';
export type Metric = 'mae' | 'rmse' | 'r2' | 'auc' | 'accuracy' | 'f1' | 'logloss';

/** What the service gives a training process, as JSON in a file. Paths are absolute and only read. */
export interface TrainingRequest {
  readonly trainingFile: string;
  readonly holdoutFile: string;
  readonly championFile: string | undefined;
  /** In the model's order. */
  readonly features: readonly string[];
  /** How features are encoded, where the system says so. */
  readonly encodings: Readonly<Record<string, Encode>>;
  readonly label: string;
  /** A label is known so long after its row. */
  readonly arrivesWithinMs: number;
  readonly task: Task;
  readonly trainer: string;
  readonly parameters: Readonly<Record<string, number>>;
  readonly metric: Metric;
  readonly slices: readonly { readonly column: string; readonly minRows: number }[];
  readonly tablesMemoryBytes: number;
}

/** A metric's value; null where it is not defined on these rows. */
export interface Score {
  readonly name: string;
  readonly value: number | null;
  readonly interval: { readonly low: number; readonly high: number } | null;
}

export interface SliceScore {
  readonly column: string;
  readonly value: string;
  readonly rows: number;
  readonly candidate: number;
  readonly champion: number | null;
}

export interface Evaluation {
  readonly rows: number;
  readonly candidate: Score;
  readonly champion: Score | null;
  readonly baselines: readonly Score[];
  readonly slices: readonly SliceScore[];
}

export type FeatureProfile =
  | {
      readonly kind: 'number';
      /** At 0, 1, … 100 % of the values that are there; empty where none is. */
      readonly quantiles: readonly number[];
      readonly mean: number;
      readonly sd: number;
      /** Share of the rows. */
      readonly missing: number;
    }
  | { readonly kind: 'text'; readonly counts: Readonly<Record<string, number>>; readonly missing: number };

export interface GoldenRequest {
  /** null: missing. */
  readonly inputs: Readonly<Record<string, number | string | null>>;
  readonly output: number;
}

/** What comes back, beside `model.onnx` in the run's folder. */
export interface TrainingResult {
  readonly trainer: {
    readonly name: string;
    readonly version: string;
    readonly parameters: Readonly<Record<string, number>>;
  };
  readonly seed: number;
  readonly inputs: readonly { readonly name: string; readonly datatype: 'FP64' | 'BYTES' }[];
  readonly runtime: { readonly onnxruntime: string; readonly node: string };
  readonly profile: Readonly<Record<string, FeatureProfile>>;
  readonly golden: readonly GoldenRequest[];
  readonly evaluation: Evaluation;
  readonly trainingRows: number;
  readonly peakMemoryBytes: number;
  /** What an operator should know although it is no error. */
  readonly notes: readonly string[];
}

export interface TrainingFailure {
  readonly code: string;
  readonly fault: 'caller' | 'dependency' | 'us';
  readonly retry: 'never' | 'after' | 'now';
  readonly message: string;
  readonly internal: string | undefined;
}

/** The one line that a training process prints. */
export type TrainingAnswer =
  | { readonly ok: true; readonly result: TrainingResult }
  | { readonly ok: false; readonly failure: TrainingFailure };

/** Names in a run's folder. */
export const requestFileName = 'request.json';
export const modelFileName = 'model.onnx';
