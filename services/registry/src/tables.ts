import type { ColumnType, Generated } from 'kysely';

/** bigint columns come back as text where the driver does not trust a number; they are read with `Number`. */
type BigInteger = ColumnType<string | number, number, number>;
/** Read parsed; written as JSON text. */
type Json = ColumnType<unknown, string, string>;

export interface SystemTable {
  tenant: string;
  name: string;
  version: number;
  source: string;
  spec_json: string;
  spec_digest: string;
  held_at: Date | null;
  champion: number | null;
  history: number[];
  shadows: number[];
  first_tried_with: BigInteger;
  declared: ColumnType<unknown, string | undefined, string>;
}

interface SystemVersionTable {
  tenant: string;
  system: string;
  version: number;
  spec_json: string;
  spec_digest: string;
  applied_by: string;
  applied_at: Date;
}

interface VerifiedCountTable {
  tenant: string;
  source: string;
  rows: BigInteger;
  labels: BigInteger;
  event_time_max: Date | null;
}

export interface ModelVersionTable {
  tenant: string;
  system: string;
  version: number;
  run_id: string;
  rollout_id: string;
  dataset_id: string;
  digest: string;
  bytes: BigInteger;
  manifest_digest: string;
  inputs: Json;
  evaluation: Json;
  tested: string;
  test_reason: string;
  registered_at: Date;
  signature: string;
}

export interface PendingRunTable {
  tenant: string;
  run_id: string;
  system: string;
  completed: ColumnType<unknown, string | null, string | null>;
  evaluated: ColumnType<unknown, string | null, string | null>;
}

export interface RolloutTable {
  tenant: string;
  rollout_id: string;
  system: string;
  trigger: string;
  phase: string;
  reason: string;
  review_id: string;
  plan: Json;
  model_version: number;
  canary_step: number;
  step_epoch: BigInteger;
  step_count: number;
  candidate_count: number;
  inconclusive_count: number;
  requested_at: Date;
  ended_at: Date | null;
  correlation_id: string | null;
  causation_id: string | null;
}

interface SeenPredictionTable {
  tenant: string;
  rollout_id: string;
  prediction_id: string;
}

export interface ModelTestTable {
  tenant: string;
  rollout_id: string;
  system: string;
  version: number;
  digest: string;
  manifest_digest: string;
  epoch: Generated<number>;
  attempt: Generated<number>;
  next_at: Date;
  leased_until: Date | null;
}

interface DeploymentTable {
  tenant: string;
  name: string;
  epoch: BigInteger;
  body: Json;
}

interface ServedModelTable {
  tenant: string;
  name: string;
  champion: number | null;
  history: number[];
  shadows: number[];
  declared: Json;
  pool: string;
  serving: string;
  retired: boolean;
}

export interface ServedVersionTable {
  tenant: string;
  name: string;
  version: number;
  digest: string;
  bytes: BigInteger;
  inputs: Json;
  outputs: Json;
  graph: ColumnType<unknown, string | null, string | null>;
  signature: string;
  registered_by: string;
  registered_at: Date;
}

export interface DeploymentHistoryTable {
  tenant: string;
  name: string;
  epoch: BigInteger;
  body: Json;
  since: Date;
  data_time: Date | null;
  event_id: string | null;
  sequence: ColumnType<string | number | null, number | null, number | null>;
}

/** This service's own schema; see `migrations/`. */
export interface Tables {
  system: SystemTable;
  system_version: SystemVersionTable;
  verified_count: VerifiedCountTable;
  model_version: ModelVersionTable;
  pending_run: PendingRunTable;
  rollout: RolloutTable;
  seen_prediction: SeenPredictionTable;
  model_test: ModelTestTable;
  deployment: DeploymentTable;
  served_model: ServedModelTable;
  served_version: ServedVersionTable;
  deployment_history: DeploymentHistoryTable;
}
