import { bootstrapInterval, type Metric, score, type Task } from '@perennial/learn';
import { baselinesOf } from '../decide/baselines.js';
import type { Evaluation, Score, SliceScore, TrainingRequest } from '../decide/exchange.js';
import { slicesOf } from '../decide/slices.js';
import type { LoadedRows } from './load.js';

export interface Judged {
  readonly request: Pick<TrainingRequest, 'metric' | 'slices' | 'arrivesWithinMs'> & { readonly task: Task };
  readonly training: LoadedRows;
  readonly holdout: LoadedRows;
  readonly candidate: Float64Array;
  readonly champion: Float64Array | undefined;
  readonly seed: number;
}

/** Judges candidate, champion and baselines on the same held-out rows, and the first two on each slice. */
export function judge({ request, training, holdout, candidate, champion, seed }: Judged): Evaluation {
  const { metric, task, arrivesWithinMs } = request;
  const scoreOf = (name: string, predicted: Float64Array): Score => ({
    name,
    value: defined(score(metric, holdout.label, predicted)),
    interval: bootstrapInterval(metric, holdout.label, predicted, seed) ?? null,
  });
  return {
    rows: holdout.rows,
    candidate: scoreOf('candidate', candidate),
    champion: champion ? scoreOf('champion', champion) : null,
    baselines: baselinesOf(task, training, holdout, arrivesWithinMs).map(({ name, predicted }) =>
      scoreOf(name, predicted),
    ),
    slices: request.slices.flatMap((slice) => sliceScores(slice, metric, holdout, candidate, champion)),
  };
}

function sliceScores(
  { column, minRows }: TrainingRequest['slices'][number],
  metric: Metric,
  holdout: LoadedRows,
  candidate: Float64Array,
  champion: Float64Array | undefined,
): SliceScore[] {
  const values = holdout.columns[column];
  if (!values) return [];
  return slicesOf(values, minRows).flatMap(({ value, rows }) => {
    const pick = (all: Float64Array) => Float64Array.from(rows, (row) => all[row] as number);
    const truth = pick(holdout.label);
    const own = score(metric, truth, pick(candidate));
    // A slice of one class has no auc; it says nothing then.
    if (!Number.isFinite(own)) return [];
    const theirs = champion ? score(metric, truth, pick(champion)) : null;
    return [{ column, value, rows: rows.length, candidate: own, champion: theirs }];
  });
}

function defined(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
