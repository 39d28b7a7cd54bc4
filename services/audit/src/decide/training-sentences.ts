import type { Sentences } from './sentences.js';
import { because, bytes, count, list, number, percent } from './words.js';

type TrainingEvent =
  | 'trainingRunStarted'
  | 'trainingRunCompleted'
  | 'trainingRunFailed'
  | 'evaluationCompleted';

/** Metrics of which more is better; of all others less is. */
const moreIsBetter = new Set(['auc', 'accuracy', 'f1', 'r2']);

export const trainingSentences: Sentences<TrainingEvent> = {
  trainingRunStarted: ({ system, trainer, attempt }) =>
    `training of ${system} began with ${trainer}${attempt > 1 ? `, attempt ${attempt}` : ''}`,
  trainingRunCompleted: ({ system, durationSeconds, modelBytes, peakMemoryBytes }) =>
    `training of ${system} ended after ${number(durationSeconds)} s with a model of ${bytes(modelBytes)}${peakMemoryBytes > 0 ? `, using at most ${bytes(peakMemoryBytes)} of memory` : ''}`,
  trainingRunFailed: ({ system, reason }) => `training of ${system} failed${because(reason)}`,
  evaluationCompleted: ({ holdoutRows, metric, candidate, champion, baselines }) => {
    const value = candidate?.value ?? Number.NaN;
    const others = [
      ...(champion
        ? [`the champion's ${number(champion.value)} (${compared(metric, value, champion.value)})`]
        : []),
      ...baselines.map((baseline) => `${baseline.name}'s ${number(baseline.value)}`),
    ];
    const beside = others.length > 0 ? `, ${list(others)}` : '; nothing served yet to compare with';
    return `on ${count(holdoutRows, 'held-out row')} the candidate's ${metric} was ${number(value)}${beside}`;
  },
};

function compared(metric: string, candidate: number, champion: number): string {
  if (candidate === champion) return 'equal';
  const isBetter = moreIsBetter.has(metric) ? candidate > champion : candidate < champion;
  const word = isBetter ? 'better' : 'worse';
  return champion === 0 ? word : `${percent(Math.abs(candidate - champion) / Math.abs(champion))} ${word}`;
}
