import {
  advisoryFilters,
  aggregateFilter,
  arrivalFilters,
  commandRoot,
  predictionRoot,
} from '@perennial/contracts';

export type StreamName =
  | 'ROWS'
  | 'DATA'
  | 'TRAINING'
  | 'MODEL'
  | 'MONITOR'
  | 'PREDICTION'
  | 'COMMAND'
  | 'ADVISORY';

export interface StreamDefinition {
  readonly name: StreamName;
  readonly subjects: readonly string[];
  /** How long messages stay. A stream is never the only copy of a fact; audit and the outboxes keep them. */
  readonly maxAgeDays: number;
  /** How long the server recognises a repeated Nats-Msg-Id; about 150 bytes of its memory for each. */
  readonly duplicateWindowMs: number;
  /** Nobody may delete or purge: what was decided about models stays readable on the bus. */
  readonly isProtected?: true;
}

const minutes = 60_000;
const aggregates = (...names: string[]) => names.map(aggregateFilter);

/**
 * Every stream there is. All are kept in files, by age and not by interest, and refuse a publisher when full instead of
 * dropping the oldest. No size is reserved: the server's own bound (max_file_store) holds for all of them together.
 */
export const streams: readonly StreamDefinition[] = [
  {
    name: 'ROWS',
    subjects: [arrivalFilters.rows, arrivalFilters.labels],
    maxAgeDays: 30,
    duplicateWindowMs: 2 * minutes,
  },
  {
    name: 'DATA',
    subjects: aggregates(
      ...['source', 'segment', 'segments', 'dataset', 'data', 'schema', 'anomaly', 'feature-view', 'leak'],
    ),
    maxAgeDays: 90,
    duplicateWindowMs: 10 * minutes,
  },
  {
    name: 'TRAINING',
    subjects: aggregates('training-run', 'evaluation'),
    maxAgeDays: 180,
    duplicateWindowMs: 10 * minutes,
  },
  {
    name: 'MODEL',
    subjects: aggregates('system', 'model', 'approval', 'rollout', 'deployment', 'review', 'api-key'),
    maxAgeDays: 365,
    duplicateWindowMs: 10 * minutes,
    isProtected: true,
  },
  {
    name: 'MONITOR',
    subjects: aggregates('drift-report', 'reward', 'alert', 'dead-letter'),
    maxAgeDays: 180,
    duplicateWindowMs: 10 * minutes,
  },
  { name: 'PREDICTION', subjects: [predictionRoot], maxAgeDays: 7, duplicateWindowMs: 2 * minutes },
  { name: 'COMMAND', subjects: [commandRoot], maxAgeDays: 1, duplicateWindowMs: 10 * minutes },
  { name: 'ADVISORY', subjects: [...advisoryFilters], maxAgeDays: 30, duplicateWindowMs: 10 * minutes },
];

/** How long a stream keeps its messages. */
export function maxAgeDaysOf(stream: string): number {
  return streams.find(({ name }) => name === stream)?.maxAgeDays ?? 0;
}
