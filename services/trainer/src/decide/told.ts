import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  DatasetMaterialized,
  EvaluationCompletedSchema,
  TrainingRunCompletedSchema,
} from '@perennial/contracts';
import { uuidv5 } from '@perennial/kernel';
import type { Score, TrainingResult } from './exchange.js';

export interface Trained {
  readonly runId: string;
  readonly dataset: DatasetMaterialized;
  readonly metric: string;
  readonly result: TrainingResult;
  readonly model: { readonly digest: string; readonly bytes: number };
  readonly manifestDigest: string;
  readonly durationSeconds: number;
}

/** The two facts that a successful run tells, in one transaction. */
export function toldOf({ runId, dataset, metric, result, model, manifestDigest, durationSeconds }: Trained): {
  completed: MessageInitShape<typeof TrainingRunCompletedSchema>;
  evaluated: MessageInitShape<typeof EvaluationCompletedSchema> & { evaluationId: string };
} {
  const { evaluation } = result;
  const common = { runId, system: dataset.system, rolloutId: dataset.rolloutId, modelDigest: model.digest };
  const champion = dataset.champion?.digest ?? '';
  return {
    completed: {
      ...common,
      datasetId: dataset.datasetId,
      modelBytes: BigInt(model.bytes),
      manifestDigest,
      durationSeconds,
      peakMemoryBytes: result.peakMemoryBytes,
    },
    evaluated: {
      ...common,
      evaluationId: uuidv5('evaluation', runId),
      manifestDigest,
      holdoutDigest: dataset.holdoutDigest,
      holdoutRows: evaluation.rows,
      metric,
      candidate: scoreOf(evaluation.candidate, model.digest),
      ...(evaluation.champion && { champion: scoreOf(evaluation.champion, champion) }),
      baselines: evaluation.baselines.map((score) => scoreOf(score, '')),
      slices: evaluation.slices.map((slice) => ({ ...slice, champion: slice.champion ?? 0 })),
    },
  };
}

function scoreOf({ name, value, interval }: Score, digest: string) {
  return {
    name,
    digest,
    value: value ?? Number.NaN,
    intervalLow: interval?.low ?? 0,
    intervalHigh: interval?.high ?? 0,
  };
}
