import { type DatasetSchema, datasetSeverityOf } from '@perennial/spec';
import type { Gap } from '../causes/findings.js';
import { type SetFinding, short } from './finding.js';

/** Steps before one of them is called the interval, and the share of them that it makes up. */
const stepsMin = 30;
const usualShare = 0.9;
/** Different steps that are counted, and gaps that are listed. */
const differentMax = 500;
export const gapsMax = 1_000;
/** A step is a gap from one and a half intervals on: clocks shift by an hour, rows come a little late. */
const gapFrom = 1.5;

/** Steps from one event time to the next; JSON. */
export interface StepState {
  last?: number;
  count: number;
  /** How often each step occurred, in ms. */
  steps: Record<string, number>;
}

export function emptySteps(): StepState {
  return { count: 0, steps: {} };
}

/** Follows event times, which come in order but for late ones. */
export class Gaps {
  readonly #long: { from: number; step: number }[] = [];

  constructor(readonly state: StepState) {}

  add(times: Float64Array, count: number): void {
    const { state } = this;
    for (let i = 0; i < count; i++) {
      const time = times[i] as number;
      if (state.last !== undefined && time > state.last) this.#step(state.last, time - state.last);
      if (state.last === undefined || time > state.last) state.last = time;
    }
  }

  #step(from: number, step: number): void {
    const { steps } = this.state;
    const key = String(step);
    const known = steps[key];
    if (known !== undefined || Object.keys(steps).length < differentMax) steps[key] = (known ?? 0) + 1;
    this.state.count++;
    // Which step is usual is only known at the end: all are kept but those that win the vote so far (Boyer and Moore).
    if (step !== this.#winner && this.#long.length < 10 * gapsMax) this.#long.push({ from, step });
    if (step === this.#winner) this.#votes++;
    else if (this.#votes > 0) this.#votes--;
    else [this.#winner, this.#votes] = [step, 1];
  }

  #winner: number | undefined;
  #votes = 0;

  /** The step that nine of ten rows take, if there is one. */
  interval(): number | undefined {
    const { count, steps } = this.state;
    if (count < stepsMin) return undefined;
    let usual: [number, number] = [0, 0];
    for (const [step, times] of Object.entries(steps)) if (times > usual[1]) usual = [Number(step), times];
    return usual[1] >= usualShare * count ? usual[0] : undefined;
  }

  findings(dataset: DatasetSchema): SetFinding[] {
    const interval = dataset.intervalMs ?? this.interval();
    if (!interval) return [];
    const gaps = this.#long
      .filter(({ step }) => step >= gapFrom * interval)
      .map(
        ({ from, step }): Gap => ({
          from: from + interval,
          to: from + step - interval,
          rows: Math.max(1, Math.round(step / interval) - 1),
        }),
      )
      .map((gap) => ({ ...gap, to: Math.max(gap.from, gap.to) }));
    const [first] = gaps;
    if (!first) return [];
    const rows = gaps.reduce((sum, gap) => sum + gap.rows, 0);
    const every = `every ${durationOf(interval)}`;
    return [
      {
        rule: 'interval',
        type: 'NO_DATA_IN_SPAN',
        column: '_p_event_time',
        severity: datasetSeverityOf(dataset, 'interval'),
        suspectedCause: 'rows are absent',
        evidence: `${rows} rows are absent in ${gaps.length} gaps, the first from ${new Date(first.from).toISOString()}; rows come ${every}`,
        rows,
        gaps: gaps.slice(0, gapsMax),
        firstEventTime: first.from,
      },
    ];
  }
}

export function durationOf(ms: number): string {
  const units = [
    [86_400_000, 'days'],
    [3_600_000, 'hours'],
    [60_000, 'minutes'],
    [1_000, 'seconds'],
  ] as const;
  const [size, name] = units.find(([unit]) => ms >= unit) ?? [1, 'ms'];
  return ms === size ? name.replace(/s$/, '') : `${short(ms / size)} ${name}`;
}
