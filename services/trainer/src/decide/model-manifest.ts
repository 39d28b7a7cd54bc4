import type { DatasetMaterialized } from '@perennial/contracts';
import type { Metric, Task, TrainingResult } from './exchange.js';

export interface ManifestFacts {
  readonly dataset: DatasetMaterialized;
  readonly task: Task;
  readonly metric: Metric;
  readonly specDigest: string;
  readonly model: { readonly digest: string; readonly bytes: number };
  readonly result: TrainingResult;
}

/**
 * What a model is, whole: which rows made it, with which settings, what it takes, how its training rows were
 * distributed, and what it must answer. Nothing of when or where: the same dataset and system give the same manifest.
 */
export function modelManifest({ dataset, specDigest, task, metric, model, result }: ManifestFacts): object {
  const { evaluation } = result;
  const { value } = evaluation.candidate;
  return {
    kind: 'perennial/model-manifest/v1',
    system: dataset.system,
    systemVersion: dataset.systemVersion,
    specDigest,
    datasetId: dataset.datasetId,
    datasetManifest: dataset.manifestDigest,
    training: { digest: dataset.trainingDigest, rows: result.trainingRows },
    holdout: { digest: dataset.holdoutDigest, rows: evaluation.rows },
    model,
    inputs: result.inputs,
    output: { name: 'prediction', datatype: 'FP64' },
    task,
    trainer: result.trainer,
    seed: result.seed,
    runtime: result.runtime,
    reference: {
      rows: result.trainingRows,
      features: result.profile,
      // Absent where the metric is not defined on the hold-out, for example auc of one class.
      ...(value !== null && { holdoutErrors: { metric, value } }),
    },
    golden: result.golden,
  };
}
