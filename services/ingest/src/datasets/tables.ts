import type { ColumnType, Generated, Kysely, Transaction } from 'kysely';
import type { Kind } from '../store.js';

/** bigint comes back as text; it is read with `Number`. */
type Count = ColumnType<string, number, number>;

export type VersionReason = 'rows' | 'compacted' | 'erased';

/** Tables of `migrations/0007_datasets.sql`. */
export interface DatasetTables {
  dataset_segment: {
    tenant: string;
    source: string;
    kind: Kind;
    place: string;
    segment_id: string;
    repair_id: string;
    verified_digest: string;
    digest: string;
    first_row: Count;
    rows: number;
    event_time_min: Date;
    event_time_max: Date;
    recorded_at: Date;
    producer: string;
    schema_version: number;
    erased_rows: Generated<number>;
    in_version: number | null;
  };
  dataset_file: { tenant: string; digest: string; rows: Count; bytes: Count; columns: string };
  dataset_version: {
    tenant: string;
    source: string;
    kind: Kind;
    version: number;
    manifest_digest: string;
    segments: number;
    files: number;
    rows: Count;
    bytes: Count;
    reason: VersionReason;
    created_at: Date;
  };
}

/** The service's database, as datasets see it. */
export type DatasetDb = Kysely<DatasetTables> | Transaction<DatasetTables>;
