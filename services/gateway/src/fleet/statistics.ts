import { create } from '@bufbuild/protobuf';
import { type BatchSizeCount, BatchSizeCountSchema, type LoadedModel } from '@perennial/contracts';

/** What one place knows of the models it holds: a replica's id, or "edge". */
export interface HeldModels {
  readonly replica: string;
  readonly models: readonly LoadedModel[];
}

/** A model's figures over all places that hold it: sums, and the memory of all of them together. */
export type ReplicaModels = LoadedModel & {
  /** Ids of replicas, or "edge". */
  replicas: string[];
};

/** Merges what several places say, by digest, in the order in which digests first come. */
export function mergeModels(places: readonly HeldModels[]): ReplicaModels[] {
  const merged = new Map<string, ReplicaModels>();
  for (const { replica, models } of places) {
    for (const model of models) {
      const known = merged.get(model.digest);
      if (known) addTo(known, model, replica);
      else merged.set(model.digest, { ...model, batchSizes: [...model.batchSizes], replicas: [replica] });
    }
  }
  return [...merged.values()];
}

function addTo(known: ReplicaModels, model: LoadedModel, replica: string): void {
  known.replicas.push(replica);
  known.memoryBytes += model.memoryBytes;
  for (const name of ['requests', 'rows', 'batches', 'failures', 'queueNs', 'computeNs'] as const) {
    known[name] += model[name];
  }
  if (model.lastInferenceMs > known.lastInferenceMs) known.lastInferenceMs = model.lastInferenceMs;
  known.pinned ||= model.pinned;
  if (known.model === '') [known.model, known.version] = [model.model, model.version];
  if (known.costs.length === 0) known.costs = model.costs;
  known.batchSizes = addedSizes(known.batchSizes, model.batchSizes);
}

function addedSizes(a: readonly BatchSizeCount[], b: readonly BatchSizeCount[]): BatchSizeCount[] {
  const sizes = new Map<number, BatchSizeCount>();
  for (const { rows, count, computeNs } of [...a, ...b]) {
    const known = sizes.get(rows);
    const sum = {
      rows,
      count: count + (known?.count ?? 0n),
      computeNs: computeNs + (known?.computeNs ?? 0n),
    };
    sizes.set(rows, create(BatchSizeCountSchema, sum));
  }
  return [...sizes.values()].sort((x, y) => x.rows - y.rows);
}
