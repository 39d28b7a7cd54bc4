import { type Cell, keyOf, referenceKeyOf } from './cells.js';
import { Histogram } from './load/histogram.js';
import type { Sample, Samples } from './rounds.js';

/** A cell over all rounds. Ratios are medians of the ratios within a round. */
export interface Row extends Cell {
  readonly perSecond: number;
  readonly bestPerSecond: number;
  readonly cpuUs: number;
  readonly bestCpuUs: number;
  readonly wholeCpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  /** p50 of the best round. */
  readonly bestP50Us: number;
  readonly failed: number;
  readonly foreign: number;
  readonly busy: number;
  /** CPU per request and requests/s against the bare server; 1 for itself. */
  readonly cpuRatio: number;
  readonly rateRatio: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function summarize(cells: readonly Cell[], samples: Samples): Row[] {
  return cells.map((cell) => {
    const own = samples.get(keyOf(cell)) ?? [];
    const reference = samples.get(referenceKeyOf(cell)) ?? [];
    const of = (value: (sample: Sample) => number) => own.map(value);
    const latency = own.reduce((sum, sample) => sum.merge(sample.latency), new Histogram());
    const ratio = (value: (sample: Sample) => number) =>
      median(own.map((sample, round) => value(sample) / value(reference[round] ?? sample)));
    return {
      ...cell,
      perSecond: median(of(({ perSecond }) => perSecond)),
      bestPerSecond: Math.max(...of(({ perSecond }) => perSecond)),
      cpuUs: median(of(({ cpuUs }) => cpuUs)),
      bestCpuUs: Math.min(...of(({ cpuUs }) => cpuUs)),
      wholeCpuUs: median(of(({ wholeCpuUs }) => wholeCpuUs)),
      p50Us: latency.quantile(0.5),
      p99Us: latency.quantile(0.99),
      p999Us: latency.quantile(0.999),
      bestP50Us: Math.min(...own.map((sample) => sample.latency.quantile(0.5))),
      failed: of(({ failed }) => failed).reduce((sum, count) => sum + count, 0),
      foreign: median(of(({ foreign }) => foreign)),
      busy: median(of(({ busy }) => busy)),
      cpuRatio: ratio(({ cpuUs }) => cpuUs),
      rateRatio: ratio(({ perSecond }) => perSecond),
    };
  });
}
