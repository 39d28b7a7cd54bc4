import { type DatasetSchema, datasetSeverityOf } from '@perennial/spec';
import type { SetFinding } from './finding.js';
import { emptySteps, Gaps, type StepState } from './gaps.js';
import { emptyRun, type RunState, Runs } from './runs.js';
import type { StepHistogram } from './step-histogram.js';
import { emptyVolume, Volume, type VolumeState } from './volume.js';

/** Columns that are followed row by row; more would cost more than they tell. */
const columnsMax = 200;

/** Where a source stands in event time: what no segment shows alone. JSON. */
export interface WatchState {
  steps: StepState;
  columns: Record<string, RunState>;
  volume?: VolumeState;
}

export function emptyWatch(): WatchState {
  return { steps: emptySteps(), columns: {} };
}

/** Follows the verified rows of a source in event-time order, from one segment to the next. */
export class Watch {
  readonly state: WatchState;
  readonly #gaps: Gaps;
  readonly #runs: Runs[];
  readonly #volume: Volume | undefined;
  readonly #isLate: boolean;

  /** `begin` is the first event time of the rows to come; `columns` are those that vary about a level. */
  constructor(
    before: WatchState | undefined,
    { columns, dataset, begin }: { columns: readonly string[]; dataset: DatasetSchema; begin: number },
  ) {
    this.state = structuredClone(before ?? emptyWatch());
    const { last } = this.state.steps;
    this.#isLate = last !== undefined && begin < last;
    this.#gaps = new Gaps(this.state.steps);
    this.#runs = columns.slice(0, columnsMax).map((column) => new Runs(column, this.#runOf(column)));
    if (dataset.volume) {
      this.state.volume ??= emptyVolume();
      this.#volume = new Volume(dataset.volume, this.state.volume);
    }
  }

  /** What comes late continues no run of what came before it, and begins none. */
  #runOf(column: string): RunState {
    this.state.columns[column] ??= emptyRun();
    const known = this.state.columns[column];
    if (!this.#isLate) return known;
    const { steps, changes, repeats, longest } = structuredClone(known);
    return { ...emptyRun(), steps, changes, repeats, longest };
  }

  get columns(): readonly string[] {
    return this.#runs.map(({ column }) => column);
  }

  /** Steps of each column by their size. */
  get stepSizes(): ReadonlyMap<string, StepHistogram> {
    return new Map(this.#runs.map(({ column, state }) => [column, state.steps]));
  }

  /** `count` rows: event times in ms, and the values of `columns`, NaN where there is none. */
  add(times: Float64Array, values: readonly Float64Array[], count: number): void {
    this.#gaps.add(times, count);
    this.#volume?.add(times, count);
    for (const [i, runs] of this.#runs.entries()) runs.add(times, values[i] as Float64Array, count);
  }

  findings(
    dataset: DatasetSchema,
    extremesOf: (column: string) => { min: number; max: number },
    rows: number,
  ): SetFinding[] {
    const late: SetFinding[] =
      this.#isLate && dataset.order
        ? [
            {
              rule: 'order',
              type: 'ROWS_OUT_OF_ORDER',
              column: '_p_event_time',
              severity: datasetSeverityOf(dataset, 'order'),
              suspectedCause: 'rows came late',
              evidence: `rows came after later ones, up to ${new Date(this.state.steps.last ?? 0).toISOString()}`,
              rows,
            },
          ]
        : [];
    return [
      ...late,
      ...this.#gaps.findings(dataset),
      ...(this.#volume?.findings(dataset) ?? []),
      ...this.#runs.flatMap((runs) => runs.findings(extremesOf(runs.column))),
    ];
  }
}
