import type { Scored } from './metric.js';

/** What the training rows of a model looked like, feature by feature. */
export interface Reference {
  readonly rows: number;
  readonly features: Readonly<Record<string, FeatureReference>>;
}

export type FeatureReference =
  | {
      readonly kind: 'number';
      /** At equal steps from the smallest to the largest value. */
      readonly quantiles: readonly number[];
      readonly mean: number;
      readonly sd: number;
      /** Share of rows without a value. */
      readonly missing: number;
    }
  | {
      readonly kind: 'text';
      readonly counts: Readonly<Record<string, number>>;
      readonly missing: number;
    };

export type FeatureValue = number | string | null;

/** An answer of the champion whose truth is known. */
export interface LabelledRow extends Scored {
  /** Data time, ms since the epoch. */
  readonly eventTime: number;
  /** Tells rows of the same event time apart. */
  readonly identity: string;
  readonly features: Readonly<Record<string, FeatureValue>>;
}

/** What system.yaml says about watching. */
export interface WatchSettings {
  readonly system: string;
  readonly source: string;
  readonly metric: string;
  readonly windowRows: number;
  /** Share of windows that may report drift where there is none. */
  readonly falseAlarmsPerWindow: number;
  /** 0.3 is 30 % worse than at promotion. */
  readonly worseThan: number;
}

/** Rows that verification held back and nobody has repaired. */
export interface HeldRows {
  readonly quarantineId: string;
  readonly producer: string;
  readonly rows: number;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  readonly findings: readonly HeldFinding[];
}

export interface HeldFinding {
  readonly rule: string;
  readonly column: string;
  readonly producer: string;
  readonly suspectedCause: string;
  readonly evidence: string;
}
