import type { ModelStatistics } from '@perennial/runtime';
import type { Models } from '../models.js';

/** A loaded model as the API says it. */
export function loadedModelOf(models: Models, statistics: ModelStatistics) {
  const { digest, memoryBytes, requests, rows, batches, failures } = statistics;
  return {
    ...models.nameOf(digest),
    digest,
    memoryBytes,
    requests: BigInt(requests),
    rows: BigInt(rows),
    batches: BigInt(batches),
    failures: BigInt(failures),
    queueNs: nanoseconds(statistics.queueUs),
    computeNs: nanoseconds(statistics.computeUs),
    lastInferenceMs: BigInt(statistics.lastInferenceMs),
    batchSizes: statistics.batchSizes.map(({ rows: size, count, computeUs }) => ({
      rows: size,
      count: BigInt(count),
      computeNs: nanoseconds(computeUs),
    })),
    pinned: statistics.pinned,
    costs: [...statistics.costs],
    device: statistics.device,
  };
}

function nanoseconds(microseconds: number): bigint {
  return BigInt(Math.round(microseconds * 1000));
}
