import type { ColumnType, Generated } from 'kysely';

export type RunStatus = 'queued' | 'running' | 'completed' | 'failed';

interface SystemSpecTable {
  tenant: string;
  system: string;
  version: number;
  spec_digest: string;
  spec_json: string;
  trainer: string;
}

export interface TrainingRunTable {
  tenant: string;
  run_id: string;
  system: string;
  system_version: number;
  rollout_id: string;
  dataset_id: string;
  /** Read parsed; written as JSON text. */
  dataset: ColumnType<unknown, string, never>;
  trainer: Generated<string>;
  status: Generated<RunStatus>;
  reason: Generated<string>;
  attempt: Generated<number>;
  failures: Generated<number>;
  epoch: Generated<number>;
  next_at: Date;
  leased_until: Date | null;
  correlation_id: string;
  causation_id: string;
  model_digest: Generated<string>;
  manifest_digest: Generated<string>;
  duration_seconds: Generated<number>;
  peak_memory_bytes: Generated<number>;
  queued_at: Date;
  ended_at: Date | null;
}

/** This service's own schema; see `migrations/`. */
export interface Tables {
  system_spec: SystemSpecTable;
  training_run: TrainingRunTable;
}
