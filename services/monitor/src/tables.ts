import type { ColumnType, Generated, Kysely, Transaction } from 'kysely';

/** bigint comes back as text; it is read with `Number`. */
type BigInteger = ColumnType<string, number, number>;
/** Read parsed; written as JSON text. */
type Json<T> = ColumnType<T, string, string>;

interface ByTenant {
  tenant: string;
}

/** This service's own schema; see `migrations/`. */
export interface MonitorTables {
  system: ByTenant & { name: string; version: number; source: string; spec_json: string };
  model_version: ByTenant & {
    system: string;
    version: number;
    evaluation_value: number;
    reference: Json<unknown>;
  };
  champion_epoch: ByTenant & { system: string; epoch: BigInteger; version: number };
  rollout: ByTenant & { rollout_id: string; system: string; review_id: string; ended: boolean };
  held_segment: ByTenant & {
    quarantine_id: string;
    source: string;
    producer: string;
    rows: number;
    event_time_min: Date;
    event_time_max: Date;
    findings: Json<unknown>;
  };
  repair: ByTenant & { repair_id: string; quarantine_id: string; rows: number };
  truth_segment: ByTenant & {
    source: string;
    kind: 'rows' | 'labels';
    rank: string;
    digest: string;
    event_time_min: Date;
    event_time_max: Date;
  };
  seen_prediction: ByTenant & {
    prediction_id: string;
    received_at: Date;
    system: string;
    places: Json<unknown>;
  };
  prediction_count: ByTenant & {
    system: string;
    predictions: BigInteger;
    failed: BigInteger;
    newest_received_at: Date;
  };
  trial: ByTenant & {
    system: string;
    versions: number[];
    epoch: BigInteger;
    since_epoch: BigInteger;
    told_rows: BigInteger;
  };
  prediction_row: ByTenant & {
    system: string;
    event_time: Date;
    identity: string;
    prediction_id: string;
    received_at: Date;
    epoch: BigInteger;
    served_version: number;
    served_value: number;
    by_champion: boolean;
    versions: number[];
    answers: number[];
    features: Json<Record<string, number | string | null>>;
    label: number | null;
    label_rank: string | null;
    watched: Generated<boolean>;
  };
  watch: ByTenant & {
    system: string;
    version: number;
    start_epoch: BigInteger;
    rows: BigInteger;
    last_review_id: string | null;
    last_review_rows: ColumnType<string | null, number | null, number | null>;
    last_review_verdict: string | null;
    own_baseline: number | null;
  };
  drift_report: ByTenant & {
    report_id: string;
    system: string;
    sequence: ColumnType<string, never, never>;
    body: Json<unknown>;
  };
  review: ByTenant & {
    review_id: string;
    system: string;
    sequence: ColumnType<string, never, never>;
    body: Json<unknown>;
    concluded_at: Date;
  };
  alert: ByTenant & { alert_id: string; system: string; kind: string; text: string; raised_at: Date };
}

export type Db = Kysely<MonitorTables> | Transaction<MonitorTables>;
