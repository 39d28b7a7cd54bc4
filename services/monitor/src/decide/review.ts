import { effectiveSize, exceedanceP, mean, serialCorrelation, standardDeviation } from '@perennial/stats';
import { type DecayFound, judgeDecay } from './decay.js';
import type { FeatureDriftFound } from './drift.js';
import type { HeldRows, LabelledRow, WatchSettings } from './model.js';
import { count, show, showP, showShare, showSpan } from './words.js';

export type Verdict = 'WORLD_CHANGED' | 'DATA_BROKEN' | 'NO_CHANGE';

export interface ReviewInput {
  readonly settings: WatchSettings;
  readonly window: readonly LabelledRow[];
  /** Labelled rows before the window, the latest last; empty at the beginning. */
  readonly earlier: readonly LabelledRow[];
  readonly decay: DecayFound;
  readonly drift: readonly FeatureDriftFound[];
  /** Held and unrepaired rows of the source, of any time. */
  readonly held: readonly HeldRows[];
}

export interface Concluded {
  readonly verdict: Verdict;
  readonly evidence: readonly string[];
}

/**
 * One row in ten held back is more than an outlier: then the errors may come from what is held, and a model trained
 * now would miss it. A suspected change of unit is broken from its first row.
 */
const heldShareMin = 0.1;
const unitRule = 'unit-change';
/** Level of the tests that only word the evidence. */
const supportLevel = 0.05;

/** Why is the model worse: are the data broken, has the world changed, or was it chance? */
export function review(input: ReviewInput): Concluded {
  const { settings, window, decay, drift } = input;
  const [first, last] = [window[0], window.at(-1)] as [LabelledRow, LabelledRow];
  const span = showSpan(first.eventTime, last.eventTime);
  const told = [
    `${decay.metric} over the ${decay.rows} labelled rows of ${span} is ${show(decay.value)}, ${showShare(decay.worseBy)} worse than ${show(decay.baseline)} at promotion (${showP(decay.p)})`,
  ];
  const held = input.held.filter(
    ({ eventTimeMin, eventTimeMax }) => eventTimeMin <= last.eventTime && eventTimeMax >= first.eventTime,
  );
  const heldSays = held.map((rows) => heldSentence(settings.source, rows));
  if (isBroken(held, window.length)) return { verdict: 'DATA_BROKEN', evidence: [...told, ...heldSays] };

  const drifted = drift.filter((feature) => feature.drifted);
  const signs = [labelsMoved(input), answersLean(window)].filter((sign) => sign !== undefined);
  const without = withoutWorst(settings, window, decay);
  const evidence = [
    ...told,
    ...heldSays,
    ...(drifted.length ? drifted.map(driftSentence) : [`no feature drifted out of ${drift.length}`]),
    ...signs,
    ...(without ? [without] : []),
  ];
  const isChance = drifted.length === 0 && signs.length === 0 && without !== undefined;
  return {
    verdict: isChance ? 'NO_CHANGE' : 'WORLD_CHANGED',
    evidence: held.length
      ? evidence
      : [...evidence, `no rows of ${settings.source} are held back in this time`],
  };
}

function isBroken(held: readonly HeldRows[], windowRows: number): boolean {
  const rows = held.reduce((sum, one) => sum + one.rows, 0);
  const isUnit = held.some(({ findings }) => findings.some(({ rule }) => rule === unitRule));
  return isUnit || rows >= heldShareMin * (windowRows + rows);
}

function heldSentence(source: string, held: HeldRows): string {
  const finding = held.findings[0];
  const why = finding
    ? `: ${finding.rule} in ${finding.column || 'the row'}${finding.suspectedCause ? `, ${finding.suspectedCause}` : ''}`
    : '';
  return `${count(held.rows, 'row')} of ${source} from ${held.producer} (${showSpan(held.eventTimeMin, held.eventTimeMax)}) ${held.rows === 1 ? 'is' : 'are'} held back${why}`;
}

function driftSentence({ feature, says, pAdjusted }: FeatureDriftFound): string {
  return `${feature} drifted: ${says} (${showP(pAdjusted)})`;
}

/** Has the truth itself moved, against the rows just before? */
function labelsMoved({ window, earlier }: ReviewInput): string | undefined {
  if (earlier.length < 5) return undefined;
  const [now, before] = [window.map(({ label }) => label), earlier.map(({ label }) => label)];
  const correlation = serialCorrelation([before, now]);
  const error = Math.hypot(
    standardDeviation(now) / Math.sqrt(effectiveSize(now.length, correlation)),
    standardDeviation(before) / Math.sqrt(effectiveSize(before.length, correlation)),
  );
  const difference = mean(now) - mean(before);
  const p = 2 * exceedanceP(Math.abs(difference), 0, error, now.length - 1);
  if (!(p <= supportLevel)) return undefined;
  return `labels moved: ${show(mean(now))} on average against ${show(mean(before))} in the ${before.length} rows before (${showP(p)})`;
}

/** Do the answers err to one side? */
function answersLean(window: readonly LabelledRow[]): string | undefined {
  const errors = window.map(({ answer, label }) => answer - label);
  const correlation = serialCorrelation([errors]);
  const error = standardDeviation(errors) / Math.sqrt(effectiveSize(errors.length, correlation));
  const lean = mean(errors);
  const p = 2 * exceedanceP(Math.abs(lean), 0, error, errors.length - 1);
  if (!(p <= supportLevel)) return undefined;
  const side = errors.filter((value) => Math.sign(value) === Math.sign(lean)).length;
  return `answers are too ${lean > 0 ? 'high' : 'low'} by ${show(Math.abs(lean))} on average, in ${side} of ${errors.length} rows (${showP(p)})`;
}

/** Is there still a decay without the one row that was answered worst? */
function withoutWorst(
  settings: WatchSettings,
  window: readonly LabelledRow[],
  decay: DecayFound,
): string | undefined {
  const worst = window.reduce((one, other) => (miss(other) > miss(one) ? other : one));
  const rest = judgeDecay(
    settings,
    window.filter((row) => row !== worst),
    decay.baseline,
  );
  if (rest.worseBy > settings.worseThan) return undefined;
  return `one row explains it: without ${showSpan(worst.eventTime, worst.eventTime)} ${decay.metric} is ${show(rest.value)}`;
}

function miss({ answer, label }: LabelledRow): number {
  return Math.abs(answer - label);
}
