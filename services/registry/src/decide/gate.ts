import type { EvaluationCompleted, Score } from '@perennial/contracts';
import { lossOf, show, showShare, worstLossOf } from './metric.js';
import type { RolloutPlan } from './state.js';

export interface Verdict {
  readonly passed: boolean;
  /** In plain words, with the numbers. */
  readonly reason: string;
}

/**
 * Whether a candidate may go on: clearly better than the champion on the same held-out rows and on no large slice
 * worse; where nothing serves yet, better than always saying the same.
 */
export function judge(evaluation: EvaluationCompleted, plan: RolloutPlan, championDigest?: string): Verdict {
  const { metric, candidate } = evaluation;
  if (metric !== plan.metric) {
    return fail(`the evaluation measured ${metric || 'nothing'}, but the gate asks for ${plan.metric}`);
  }
  if (!candidate || !Number.isFinite(candidate.value)) return fail(`the candidate has no ${metric}`);
  if (championDigest === undefined) return againstBaseline(evaluation, candidate);
  const { champion } = evaluation;
  if (champion?.digest !== championDigest || !Number.isFinite(champion.value)) {
    return fail('the candidate was not compared with the champion that serves');
  }
  const whole = againstChampion(evaluation, candidate, champion, plan);
  return whole.passed ? onSlices(evaluation, plan, whole) : whole;
}

function againstBaseline({ metric, baselines }: EvaluationCompleted, candidate: Score): Verdict {
  const baseline = baselines.find(({ name }) => name === 'constant') ?? baselines[0];
  if (!baseline) return fail('nothing serves yet and the evaluation names no baseline to beat');
  const text = `${metric} ${show(candidate.value)} against ${show(baseline.value)} of the baseline "${baseline.name}"`;
  return lossOf(metric, candidate.value) < lossOf(metric, baseline.value)
    ? { passed: true, reason: `better than the baseline: ${text}` }
    : fail(`not better than the baseline: ${text}`);
}

function againstChampion(
  { metric, holdoutRows }: EvaluationCompleted,
  candidate: Score,
  champion: Score,
  plan: RolloutPlan,
): Verdict {
  const own = lossOf(metric, candidate.value);
  const theirs = lossOf(metric, champion.value);
  const text = `${metric} ${show(candidate.value)} against ${show(champion.value)} of the champion on ${holdoutRows} held-out rows`;
  const gain = theirs === 0 ? 0 : (theirs - own) / Math.abs(theirs);
  if (!(own < theirs) || own > theirs - plan.betterBy * Math.abs(theirs)) {
    return fail(`not better by ${showShare(plan.betterBy)}: ${text} (${showShare(gain)})`);
  }
  const { intervalLow, intervalHigh } = candidate;
  const hasInterval = intervalLow !== 0 || intervalHigh !== 0;
  if (plan.withConfidence && hasInterval && worstLossOf(metric, intervalLow, intervalHigh) >= theirs) {
    return fail(
      `better, but not with confidence: ${text}; the candidate's interval is ${show(intervalLow)} to ${show(intervalHigh)}`,
    );
  }
  return { passed: true, reason: `better by ${showShare(gain)}: ${text}` };
}

/** No slice with enough rows may lose more than the whole had to gain. */
function onSlices({ metric, slices }: EvaluationCompleted, plan: RolloutPlan, whole: Verdict): Verdict {
  const judged = slices.filter(({ column, rows }) =>
    plan.slices.some((slice) => slice.column === column && rows >= slice.minRows),
  );
  for (const { column, value, rows, candidate, champion } of judged) {
    const theirs = lossOf(metric, champion);
    if (!(lossOf(metric, candidate) <= theirs + plan.betterBy * Math.abs(theirs))) {
      return fail(
        `worse where ${column} is ${value}: ${metric} ${show(candidate)} against ${show(champion)} of the champion on ${rows} rows`,
      );
    }
  }
  if (plan.slices.length === 0) return whole;
  const text = judged.length
    ? `${judged.length} slices are no worse`
    : 'no slice had rows enough to be judged';
  return { passed: true, reason: `${whole.reason}; ${text}` };
}

function fail(reason: string): Verdict {
  return { passed: false, reason };
}
