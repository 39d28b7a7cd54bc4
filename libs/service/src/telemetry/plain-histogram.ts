import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { systemClock } from '@perennial/kernel';

export interface HistogramOptions {
  readonly description: string;
  readonly unit: string;
  /** Upper bounds of the buckets, ascending; one more bucket takes the rest. */
  readonly boundaries: readonly number[];
}

/**
 * A histogram for paths where every microsecond counts: recording is a few additions on a cell that its caller keeps,
 * where the SDK's own looks the labels up anew each time. Read when somebody scrapes, like any other instrument.
 */
export class PlainHistogram {
  readonly #name: string;
  readonly #options: HistogramOptions;
  readonly #cells: { readonly labels: Attributes; readonly cell: HistogramCell }[] = [];
  readonly #startedAt: HrTime = now();

  constructor(name: string, options: HistogramOptions) {
    this.#name = name;
    this.#options = options;
    histograms.add(this);
  }

  /** The cell of these labels; to be kept by the caller, who asks once for each combination. */
  cell(labels: Attributes): HistogramCell {
    const cell = new HistogramCell(this.#options.boundaries);
    this.#cells.push({ labels, cell });
    return cell;
  }

  /** Whether there is still telemetry that reads it. */
  get isRead(): boolean {
    return histograms.has(this);
  }

  data(): HistogramMetricData {
    const { description, unit, boundaries } = this.#options;
    const endTime = now();
    return {
      descriptor: { name: this.#name, description, unit, valueType: ValueType.DOUBLE },
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: this.#cells.map(({ labels, cell: { counts, sum, count } }) => ({
        startTime: this.#startedAt,
        endTime,
        attributes: labels,
        value: { buckets: { boundaries: [...boundaries], counts: [...counts] }, sum, count },
      })),
    };
  }
}

/** Counts of one combination of labels. */
export class HistogramCell {
  readonly counts: number[];
  sum = 0;
  count = 0;
  readonly #boundaries: readonly number[];

  constructor(boundaries: readonly number[]) {
    this.#boundaries = boundaries;
    this.counts = new Array(boundaries.length + 1).fill(0);
  }

  record(value: number): void {
    const boundaries = this.#boundaries;
    let at = 0;
    while (at < boundaries.length && value > (boundaries[at] as number)) at++;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += value;
    this.count += 1;
  }
}

/** All of this process, as the API's own global provider has all other instruments. */
const histograms = new Set<PlainHistogram>();

export const plainHistograms: MetricProducer = {
  collect: async () => ({
    resourceMetrics: {
      resource: emptyResource(),
      scopeMetrics: [
        { scope: { name: 'perennial' }, metrics: [...histograms].map((histogram) => histogram.data()) },
      ],
    },
    errors: [],
  }),
};

/** With the telemetry that read them. */
export function forgetHistograms(): void {
  histograms.clear();
}

function now(): HrTime {
  const ms = systemClock.now();
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1e6];
}
