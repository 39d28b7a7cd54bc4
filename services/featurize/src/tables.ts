import type { ColumnType, Generated, Kysely, Transaction } from 'kysely';

/** bigint columns come back as text; they are read with `Number`. */
type BigInteger = ColumnType<string, number, number>;
type NullableBigInteger = ColumnType<string | null, number | null, number | null>;
type Time = ColumnType<Date, Date, Date>;

export type Arrival = 'rows' | 'labels';

interface SourceTable {
  tenant: string;
  source: string;
  rows: BigInteger;
  labels: BigInteger;
  newest_row_us: NullableBigInteger;
  newest_label_us: NullableBigInteger;
}

export interface SegmentTable {
  tenant: string;
  source: string;
  kind: Arrival;
  segment_id: string;
  repair_id: string;
  digest: string;
  rows: number;
  event_time_min_us: BigInteger;
  event_time_max_us: BigInteger;
  place: string;
}

interface FeatureViewTable {
  tenant: string;
  system: string;
  version: number;
  source: string;
  spec_json: string;
  spec_digest: string;
}

/** A row that one process at a time works on. */
interface Leased {
  epoch: Generated<number>;
  attempt: Generated<number>;
  begun: Generated<number>;
  next_at: Time;
  leased_until: ColumnType<Date | null, Date | null, Date | null>;
}

export interface SeriesTable extends Leased {
  tenant: string;
  series_id: string;
  source: string;
  kind: Arrival;
  definition: string;
  horizon_us: BigInteger;
  last_count: number;
  kept_from_us: NullableBigInteger;
}

interface WindowValueTable {
  tenant: string;
  series_id: string;
  by_key: string;
  event_us: BigInteger;
  row_key: string;
  position: string;
  number: number | null;
  text: string | null;
}

export interface DatasetTable extends Leased {
  tenant: string;
  rollout_id: string;
  dataset_id: string;
  system: string;
  system_version: number;
  champion_version: number;
  champion_digest: string;
  status: 'wanted' | 'made' | 'refused';
  reason: Generated<string>;
  training_digest: Generated<string>;
  training_rows: Generated<number>;
  holdout_digest: Generated<string>;
  holdout_rows: Generated<number>;
  manifest_digest: Generated<string>;
  requested_at: Time;
  correlation_id: string;
  causation_id: string;
}

export interface LeakReportTable {
  tenant: string;
  dataset_id: string;
  system: string;
  system_version: number;
  answer: 'warned' | 'refused';
  rows: BigInteger;
  leaks: string;
  checked_at: Time;
}

/** The service's own schema. */
export interface Schema {
  source: SourceTable;
  segment: SegmentTable;
  feature_view: FeatureViewTable;
  series: SeriesTable;
  window_value: WindowValueTable;
  dataset: DatasetTable;
  leak_report: LeakReportTable;
}

export type Db = Kysely<Schema> | Transaction<Schema>;
