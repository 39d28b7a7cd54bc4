import { uuidv5 } from '@perennial/kernel';
import { type DecayFound, judgeDecay } from './decay.js';
import { type FeatureDriftFound, judgeDrift } from './drift.js';
import { metricOf } from './metric.js';
import type { HeldRows, LabelledRow, Reference, WatchSettings } from './model.js';
import { type Concluded, review } from './review.js';

/** The watch over one reign: the time from a promotion to the next. */
export interface Watch {
  readonly version: number;
  /** The deployment epoch in which the reign began; tells two reigns of one version apart. */
  readonly startEpoch: number;
  /** Labelled rows of the reign that were looked at. */
  readonly rows: number;
  readonly lastReview:
    | { readonly reviewId: string; readonly rows: number; readonly verdict: string }
    | undefined;
  /** The first window's value, where the evaluation gave none for this metric. */
  readonly ownBaseline: number | undefined;
}

export interface WatchInput {
  readonly settings: WatchSettings;
  readonly watch: Watch;
  readonly reference: Reference | undefined;
  /** The metric at promotion, on rows that were not trained on. */
  readonly baseline: number | undefined;
  /** The latest rows of the reign that were looked at, in order; `rowsLookedBackOn` of them, or all. */
  readonly before: readonly LabelledRow[];
  /** Rows of the reign that were not looked at yet, in order. */
  readonly rows: readonly LabelledRow[];
  /** Labelled rows before the reign, the latest last: what the dependence in time is estimated from at first. */
  readonly formerly: readonly LabelledRow[];
  readonly held: readonly HeldRows[];
  readonly rollout: RolloutKnown;
}

/** What is known about rollouts: one in flight, and those that reviews led to and that have ended. */
export interface RolloutKnown {
  readonly isInFlight: boolean;
  readonly endedReviewIds: readonly string[];
}

export interface Report {
  readonly reportId: string;
  readonly modelVersion: number;
  readonly windowRows: number;
  readonly from: number;
  readonly to: number;
  readonly features: readonly FeatureDriftFound[];
  readonly decay: DecayFound;
}

export interface Reviewed extends Concluded {
  readonly reviewId: string;
  readonly reportId: string;
  readonly modelVersion: number;
  readonly dataTime: number;
}

export interface Watched {
  readonly watch: Watch;
  readonly reports: readonly Report[];
  readonly reviews: readonly Reviewed[];
}

/** Windows from which the dependence in time is estimated: one alone says little about it. */
const dependenceWindows = 4;
/** A large window need not be looked at for every row: this many looks per window are as quick. */
const looksPerWindow = 20;

/** How many rows of the reign the next decision looks back on. */
export function rowsLookedBackOn(windowRows: number): number {
  return windowRows * dependenceWindows;
}

/** Rows to wait after a review before the next: half a window, so that it is not asked about the same rows. */
export function rowsBetweenReviews(windowRows: number): number {
  return Math.ceil(windowRows / 2);
}

/** Would any of the next `newRows` rows be looked at? If not, nothing but the count of rows changes. */
export function isLookDue(windowRows: number, watched: number, newRows: number): boolean {
  for (let rows = watched + 1; rows <= watched + newRows; rows++) if (isLookAt(windowRows, rows)) return true;
  return false;
}

function isLookAt(windowRows: number, rows: number): boolean {
  const stride = Math.max(1, Math.floor(windowRows / looksPerWindow));
  return rows >= windowRows && (rows % stride === 0 || rows % windowRows === 0);
}

/**
 * Looks at every new labelled row in order, as if each had come alone: at the last window of data time as it is known
 * then. A row that comes late takes its place in the order; what was concluded without it stays.
 */
export function watchRows(input: WatchInput): Watched {
  const reach = rowsLookedBackOn(input.settings.windowRows);
  const seen = [...input.before];
  const reports: Report[] = [];
  const reviews: Reviewed[] = [];
  let watch = input.watch;
  for (const row of input.rows) {
    insertInOrder(seen, row);
    if (seen.length > 2 * reach) seen.splice(0, seen.length - reach);
    watch = { ...watch, rows: watch.rows + 1 };
    const looked = look(input, watch, seen);
    watch = looked.watch;
    if (looked.report) reports.push(looked.report);
    if (looked.reviewed) reviews.push(looked.reviewed);
  }
  return { watch, reports, reviews };
}

function insertInOrder(rows: LabelledRow[], row: LabelledRow): void {
  let at = rows.length;
  while (at > 0 && isAfter(rows[at - 1] as LabelledRow, row)) at--;
  rows.splice(at, 0, row);
}

function isAfter(one: LabelledRow, other: LabelledRow): boolean {
  return (
    one.eventTime > other.eventTime || (one.eventTime === other.eventTime && one.identity > other.identity)
  );
}

function look(
  input: WatchInput,
  watch: Watch,
  seen: readonly LabelledRow[],
): { watch: Watch; report?: Report; reviewed?: Reviewed } {
  const { settings, reference } = input;
  const { windowRows } = settings;
  if (!isLookAt(windowRows, watch.rows)) return { watch };
  const isReportDue = watch.rows % windowRows === 0;
  const window = seen.slice(-windowRows);
  const baseline = input.baseline ?? watch.ownBaseline ?? metricOf(settings.metric, window);
  const known = input.baseline === undefined ? { ...watch, ownBaseline: baseline } : watch;
  const decay = judgeDecay(settings, window, baseline);
  const isReviewDue = decay.decayed && mayReview(windowRows, known, input.rollout);
  if (!isReportDue && !isReviewDue) return { watch: known };

  const earlier = [...input.formerly, ...seen.slice(0, -windowRows)].slice(
    windowRows - rowsLookedBackOn(windowRows),
  );
  const drift = reference
    ? judgeDrift(reference, windowsOf([...earlier, ...window], windowRows), settings.falseAlarmsPerWindow)
    : [];
  const report = reportOf(settings.system, known, window, { decay, drift });
  if (!isReviewDue) return { watch: known, report };
  const concluded = review({
    settings,
    window,
    earlier: earlier.slice(-windowRows),
    decay,
    drift,
    held: input.held,
  });
  const reviewId = idOf('review', settings.system, known);
  return {
    watch: { ...known, lastReview: { reviewId, rows: known.rows, verdict: concluded.verdict } },
    report,
    reviewed: {
      ...concluded,
      reviewId,
      reportId: report.reportId,
      modelVersion: known.version,
      dataTime: report.to,
    },
  };
}

/**
 * At most one review is open: while a rollout is in flight its outcome is awaited. One that ended without a promotion
 * is tried again half a window after the review that led to it; one that nobody began, after a whole window.
 */
function mayReview(windowRows: number, { lastReview, rows }: Watch, rollout: RolloutKnown): boolean {
  if (rollout.isInFlight) return false;
  if (!lastReview) return true;
  const isAnswered =
    lastReview.verdict !== 'WORLD_CHANGED' || rollout.endedReviewIds.includes(lastReview.reviewId);
  return rows - lastReview.rows >= (isAnswered ? rowsBetweenReviews(windowRows) : windowRows);
}

function reportOf(
  system: string,
  watch: Watch,
  window: readonly LabelledRow[],
  { decay, drift }: { decay: DecayFound; drift: FeatureDriftFound[] },
): Report {
  const [first, last] = [window[0], window.at(-1)] as [LabelledRow, LabelledRow];
  return {
    reportId: idOf('drift-report', system, watch),
    modelVersion: watch.version,
    windowRows: window.length,
    from: first.eventTime,
    to: last.eventTime,
    features: drift,
    decay,
  };
}

/** The same position of the same reign gives the same id, whatever is delivered again. */
function idOf(what: string, system: string, { version, startEpoch, rows }: Watch): string {
  return uuidv5(what, system, String(version), String(startEpoch), String(rows));
}

/** The rows cut into windows that end with the last row, the oldest first; a rest too short is left out. */
function windowsOf(rows: readonly LabelledRow[], windowRows: number) {
  const windows = [];
  for (let end = rows.length; end >= windowRows; end -= windowRows) {
    windows.unshift(rows.slice(end - windowRows, end).map(({ features }) => features));
  }
  return windows;
}
