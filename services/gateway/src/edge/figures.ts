import { create } from '@bufbuild/protobuf';
import { type LoadedModel, LoadedModelSchema } from '@perennial/contracts';
import type { ModelStatistics } from '@perennial/runtime';

const nsOf = (us: number) => BigInt(Math.round(us * 1_000));

/** The figures of a model that runs here, in the form in which replicas tell theirs. */
export function heldAtEdge(
  figures: ModelStatistics,
  named: { readonly name: string; readonly version: number } | undefined,
): LoadedModel {
  const { digest, memoryBytes, pinned, device, costs, requests, rows, batches, failures } = figures;
  return create(LoadedModelSchema, {
    model: named?.name ?? '',
    version: named?.version ?? 0,
    digest,
    memoryBytes,
    pinned,
    device,
    costs: [...costs],
    requests: BigInt(requests),
    rows: BigInt(rows),
    batches: BigInt(batches),
    failures: BigInt(failures),
    queueNs: nsOf(figures.queueUs),
    computeNs: nsOf(figures.computeUs),
    lastInferenceMs: BigInt(figures.lastInferenceMs),
    batchSizes: figures.batchSizes.map(({ rows, count, computeUs }) => ({
      rows,
      count: BigInt(count),
      computeNs: nsOf(computeUs),
    })),
  });
}
