import { type DatasetSchema, datasetSeverityOf } from '@perennial/spec';
import { type SetFinding, short } from './finding.js';
import { durationOf } from './gaps.js';

type Expected = NonNullable<DatasetSchema['volume']>;

/** Periods that were full before a band is asked for: eight weeks of hours. */
const learningPeriods = 1_344;
const weekMs = 7 * 86_400_000;
/** How fast the usual count of a place in the week follows, and the level of the last day. */
const slotRate = 0.2;
const levelRate = 0.3;
const spreadRate = 0.1;
const spreadFirst = 0.5;
const spreadMin = 0.3;
/** Share of periods that may alarm although nothing changed, where nobody says. */
const usualFalseAlarms = 0.001;
/** Empty periods in a row that are judged; a longer silence is a gap. */
const emptyMax = 2_000;

/** Rows in each period; JSON. */
export interface VolumeState {
  /** Begin of the period that is being counted, in ms. */
  period?: number;
  count: number;
  /** Periods that ended. */
  periods: number;
  /** By place in the week: logarithm of the usual count (and one), and how far counts usually lie from it. */
  slots: Record<string, [usual: number, spread: number]>;
  /** What the last periods lay above that, as a logarithm. */
  level: number;
  /** The largest deviations from it in spreads of their place, largest first, to either side. */
  high: number[];
  low: number[];
}

export function emptyVolume(): VolumeState {
  return { count: 0, periods: 0, slots: {}, level: 0, high: [], low: [] };
}

interface Odd {
  readonly period: number;
  readonly count: number;
  readonly expected: string;
  readonly isHigh: boolean;
}

/**
 * Counts rows by period of event time. A period is odd outside declared bounds; and where none are declared outside a
 * band about what is usual at that place of the week: its deviation from the level of the last day, in the spreads of
 * that place (few come at night, and vary much), is larger than all but the allowed share of earlier ones to that side, with half as much again for what was not seen yet.
 */
export class Volume {
  readonly #odd: Odd[] = [];

  constructor(
    readonly expected: Expected,
    readonly state: VolumeState,
  ) {}

  add(times: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) this.addRows(times[i] as number, 1);
  }

  addRows(time: number, rows: number): void {
    const { state } = this;
    const period = Math.floor(time / this.expected.perMs) * this.expected.perMs;
    state.period ??= period;
    // Late rows belong to a period that was judged.
    if (period < state.period) return;
    for (let skipped = 0; state.period < period && skipped < emptyMax; skipped++) this.#end();
    state.period = period;
    state.count += rows;
  }

  #end(): void {
    const { state, expected } = this;
    const { period = 0, count } = state;
    const { min, max } = expected;
    if (min !== undefined && count < min)
      this.#odd.push({ period, count, expected: `at least ${min}`, isHigh: false });
    else if (max !== undefined && count > max)
      this.#odd.push({ period, count, expected: `at most ${max}`, isHigh: true });
    else if (min === undefined && max === undefined) this.#judgeBand(period, count);
    state.periods++;
    state.count = 0;
    state.period = period + expected.perMs;
  }

  #judgeBand(period: number, count: number): void {
    const { state, expected } = this;
    const slot = String((period % weekMs) / expected.perMs);
    const value = Math.log(count + 1);
    const known = state.slots[slot];
    if (known === undefined) {
      state.slots[slot] = [value, spreadFirst];
      return;
    }
    const [usual, spread] = known;
    const raw = value - usual - state.level;
    const deviation = raw / Math.max(spread, spreadMin);
    const share = expected.falseAlarms ?? usualFalseAlarms;
    const kept = Math.max(3, Math.ceil(share * state.periods));
    const side = deviation > 0 ? state.high : state.low;
    const bound = 1.5 * (side[Math.min(side.length, kept) - 1] ?? Number.POSITIVE_INFINITY);
    const isOdd = state.periods >= learningPeriods && Math.abs(deviation) > bound;
    if (isOdd) {
      const likely = Math.exp(usual + state.level) - 1;
      const text = `about ${short(Math.max(0, likely))}`;
      this.#odd.push({ period, count, expected: text, isHigh: deviation > 0 });
    }
    keep(side, Math.abs(deviation), 50);
    // A new level is learned from as well, or it would be told for ever.
    state.slots[slot] = [usual + slotRate * raw, spread + spreadRate * (Math.abs(raw) - spread)];
    state.level += levelRate * raw;
  }

  findings(dataset: DatasetSchema): SetFinding[] {
    return [false, true].flatMap((isHigh) => {
      const odd = this.#odd.filter((one) => one.isHigh === isHigh);
      const [first] = odd;
      if (!first) return [];
      const per = durationOf(this.expected.perMs);
      return [
        {
          rule: 'volume',
          type: isHigh ? 'VOLUME_HIGH' : 'VOLUME_LOW',
          column: '_p_event_time',
          severity: datasetSeverityOf(dataset, 'volume'),
          suspectedCause: isHigh
            ? 'rows were sent twice, or of more than usual'
            : 'part of the rows did not come',
          evidence: `${first.count} rows in the ${per} from ${new Date(first.period).toISOString()}, where ${first.expected} are expected; ${odd.length} such periods`,
          rows: odd.reduce((sum, { count }) => sum + count, 0),
          firstEventTime: first.period,
        },
      ] as const;
    });
  }

  /** Periods that were odd since the last look, for tests of its rate. */
  get odd(): readonly { readonly period: number; readonly isHigh: boolean }[] {
    return this.#odd;
  }
}

function keep(largest: number[], value: number, max: number): void {
  const at = largest.findIndex((one) => one < value);
  largest.splice(at < 0 ? largest.length : at, 0, value);
  if (largest.length > max) largest.pop();
}
