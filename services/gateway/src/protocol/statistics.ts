import type { DeploymentUpdated, LoadedModel } from '@perennial/contracts';

/** What each place that runs models says of those it has loaded. */
export type StatisticsSource = () => Promise<readonly { readonly models: readonly LoadedModel[] }[]>;

/** The extension "statistics" in its JSON form. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  /** Unix time in milliseconds. */
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<string, Duration>>;
  readonly response_stats: Readonly<Record<string, never>>;
  readonly batch_stats: readonly BatchStatistics[];
  readonly memory_usage: readonly {
    readonly type: string;
    readonly id: number;
    readonly byte_size: number;
  }[];
}

interface Duration {
  readonly count: number;
  readonly ns: number;
}

interface BatchStatistics {
  readonly batch_size: number;
  readonly compute_input: Duration;
  readonly compute_infer: Duration;
  readonly compute_output: Duration;
}

const none: Duration = { count: 0, ns: 0 };

/** One entry for each version that a deployment serves: summed over all places that have it loaded. */
export function statisticsOf(
  deployment: DeploymentUpdated,
  version: string,
  places: readonly { readonly models: readonly LoadedModel[] }[],
): ModelStatistics[] {
  return deployment.routes
    .filter((route) => version === '' || String(route.version) === version)
    .map((route) => {
      const loaded = places.flatMap(({ models }) => models.filter(({ digest }) => digest === route.digest));
      return summed(deployment.deployment, String(route.version), loaded);
    });
}

function summed(name: string, version: string, loaded: readonly LoadedModel[]): ModelStatistics {
  const sum = (of: (model: LoadedModel) => bigint | number) =>
    loaded.reduce((total, model) => total + Number(of(model)), 0);
  // Requests are those that were answered; failures are counted beside them.
  const success = sum(({ requests }) => requests);
  const queueNs = sum(({ queueNs }) => queueNs);
  const computeNs = sum(({ computeNs }) => computeNs);
  return {
    name,
    version,
    last_inference: Math.max(0, ...loaded.map(({ lastInferenceMs }) => Number(lastInferenceMs))),
    inference_count: sum(({ rows }) => rows),
    execution_count: sum(({ batches }) => batches),
    inference_stats: {
      success: { count: success, ns: queueNs + computeNs },
      fail: { count: sum(({ failures }) => failures), ns: 0 },
      queue: { count: success, ns: queueNs },
      compute_input: none,
      compute_infer: { count: success, ns: computeNs },
      compute_output: none,
      cache_hit: none,
      cache_miss: none,
    },
    response_stats: {},
    batch_stats: batchesOf(loaded),
    memory_usage: loaded.map(({ memoryBytes, device }) => ({
      type: /cuda|gpu/i.test(device) ? 'GPU' : 'CPU',
      id: 0,
      byte_size: Math.round(memoryBytes),
    })),
  };
}

function batchesOf(loaded: readonly LoadedModel[]): BatchStatistics[] {
  const bySize = new Map<number, Duration>();
  for (const { rows, count, computeNs } of loaded.flatMap(({ batchSizes }) => batchSizes)) {
    const before = bySize.get(rows) ?? none;
    bySize.set(rows, { count: before.count + Number(count), ns: before.ns + Number(computeNs) });
  }
  return [...bySize]
    .sort(([a], [b]) => a - b)
    .map(([size, duration]) => ({
      batch_size: size,
      compute_input: none,
      compute_infer: duration,
      compute_output: none,
    }));
}
