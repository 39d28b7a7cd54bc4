import { type SetFinding, short } from './finding.js';
import { addStep, type StepHistogram, usualStep } from './step-histogram.js';

/**
 * A value that stays for a dozen rows although the column usually moves, and that it jumped to and away from by four
 * times what all but a twentieth of its steps are: a sensor that stopped, or a default for what is missing. Weather that
 * stands still comes and goes by usual steps. On two years of hours of weather the faults have 5.5 and 6.6 times that,
 * and nothing else over 1.5.
 */
const lengthMin = 12;
const jumpsMin = 4;
/** A value that stays where it was, without a jump: three times as long as the column ever did. */
const frozenMin = 30;
const frozenTimes = 3;
/** Changes before anything is said of what is usual. */
const changesMin = 100;
/** Runs looked at again at the end of a segment, when its own steps are known. */
const candidatesMax = 1_000;

/** Where one column stands; JSON. */
export interface RunState {
  value?: number;
  length: number;
  /** Event time of the run's first row. */
  since: number;
  /** Size of the step to the value; absent at the beginning. */
  entry?: number;
  /** Said already. */
  told?: boolean;
  steps: StepHistogram;
  changes: number;
  repeats: number;
  /** The longest run that ended. */
  longest: number;
}

export function emptyRun(): RunState {
  return { length: 0, since: 0, steps: {}, changes: 0, repeats: 0, longest: 0 };
}

interface Run {
  readonly value: number;
  readonly length: number;
  readonly since: number;
  readonly until: number;
  readonly entry: number | undefined;
  /** Absent while it goes on. */
  readonly exit?: number;
  /** The longest one before. */
  readonly longest: number;
}

/** Follows one column in event-time order. */
export class Runs {
  readonly #candidates: Run[] = [];
  #last = 0;

  constructor(
    readonly column: string,
    readonly state: RunState,
  ) {}

  add(times: Float64Array, values: Float64Array, count: number): void {
    const { state } = this;
    for (let i = 0; i < count; i++) {
      const value = values[i] as number;
      if (!Number.isFinite(value)) continue;
      const time = times[i] as number;
      if (value === state.value) {
        state.length++;
        state.repeats++;
      } else this.#change(value, time);
      this.#last = time;
    }
  }

  #change(value: number, time: number): void {
    const { state } = this;
    if (state.value !== undefined) {
      const step = Math.abs(value - state.value);
      if (state.length >= lengthMin && !state.told && this.#candidates.length < candidatesMax) {
        this.#candidates.push({ ...this.#run(state.value), exit: step });
      }
      addStep(state.steps, step);
      state.changes++;
      state.longest = Math.max(state.longest, state.length);
      state.entry = step;
    }
    state.value = value;
    state.length = 1;
    state.since = time;
    state.told = false;
  }

  #run(value: number): Run {
    const { length, since, entry, longest } = this.state;
    return { value, length, since, until: this.#last, entry, longest };
  }

  /** Runs that are no weather; each is told once. */
  findings(extremes: { min: number; max: number }): SetFinding[] {
    const { state } = this;
    if (state.changes < changesMin) return [];
    const usual = usualStep(state.steps, 0.95);
    const found = this.#candidates.filter((run) => this.#isStuck(run, usual));
    if (state.value !== undefined && !state.told) {
      const open = this.#run(state.value);
      if (this.#isStuck(open, usual)) {
        found.push(open);
        state.told = true;
      }
    }
    return found.map((run) => this.#finding(run, usual, extremes));
  }

  #isStuck({ length, entry, exit, longest }: Run, usual: number): boolean {
    const { repeats, changes } = this.state;
    if (length < lengthMin || repeats > changes) return false;
    const isJump = (step: number | undefined) => step !== undefined && step > jumpsMin * usual;
    if (isJump(entry) && (exit === undefined || isJump(exit))) return true;
    return changes >= frozenTimes * changesMin && length >= Math.max(frozenMin, frozenTimes * longest);
  }

  #finding(
    { value, length, since, until, entry }: Run,
    usual: number,
    extremes: { min: number; max: number },
  ) {
    const isDefault = Number.isInteger(value) && (value === extremes.min || value === extremes.max);
    const jump = entry !== undefined && entry > jumpsMin * usual;
    const came = jump
      ? `it jumped there by ${short(entry)}, where 95 % of its steps are under ${short(usual)}`
      : `it never stayed longer than ${this.state.longest} rows before`;
    const span = `${new Date(since).toISOString()} to ${new Date(until).toISOString()}`;
    return {
      rule: isDefault ? 'flood' : 'stuck',
      type: isDefault ? 'FLOOD_OF_DEFAULT' : 'VALUE_STUCK',
      column: this.column,
      severity: 'warn',
      suspectedCause: isDefault
        ? `a flood of one default: ${value} stands for what is missing`
        : 'a value that is stuck',
      evidence: `${this.column} is ${short(value)} in ${length} rows in a row, ${span}; ${came}`,
      rows: length,
      firstEventTime: since,
    } as const;
  }
}
