import type { Late } from '@perennial/spec';
import type { ColumnType } from 'kysely';
import type { Way } from './producers/store.js';
import type { SystemReading } from './sources/store.js';

export type Kind = 'rows' | 'labels';

/** bigint comes back as text; it is read with `Number`. */
type Count = ColumnType<string, number, number>;

/** This service's own schema; see `migrations/`. */
export interface Tables {
  source: {
    tenant: string;
    source: string;
    time_column: string;
    key_columns: ColumnType<string[], string, string>;
    zone: string;
    watermark_ms: ColumnType<string | null, number | null, number | null>;
    late_policy: Late['policy'];
    version: number;
  };
  source_document: {
    tenant: string;
    source: string;
    version: number;
    document_json: string;
    declared_by: string;
    declared_at: Date;
  };
  source_system: {
    tenant: string;
    system: string;
    source: string;
    reading: ColumnType<SystemReading['reading'], string, string>;
  };
  newest_event: { tenant: string; source: string; event_time: Date };
  delivery: {
    tenant: string;
    source: string;
    producer: string;
    kind: Kind;
    way: Way;
    hour: Date;
    messages: Count;
    rows: Count;
    duplicates: Count;
    refused: Count;
    late: Count;
    bytes: Count;
  };
  producer: {
    tenant: string;
    source: string;
    producer: string;
    public_key: string;
    rows: Count;
    last_event_time: Date | null;
    first_received_at: Date | null;
    last_received_at: Date | null;
  };
  segment: {
    segment_id: string;
    tenant: string;
    source: string;
    kind: Kind;
    producer: string;
    digest: string;
    rows: number;
    bytes: Count;
    event_time_min: Date;
    event_time_max: Date;
    stream_sequence_first: Count;
    stream_sequence_last: Count;
    recorded_at: Date;
  };
  taken_row: { tenant: string; source: string; kind: Kind; row_id: string; segment_id: string };
  taken_file: {
    tenant: string;
    source: string;
    kind: Kind;
    digest: string;
    rows: number;
    refused: number;
    first_refusal: string;
    taken_at: Date;
    late: number;
  };
  waiting_message: {
    tenant: string;
    source: string;
    kind: Kind;
    message_id: string;
    producer: string;
    stream_sequence: Count;
    body: Uint8Array;
    received_at: Date;
    headers: ColumnType<Record<string, string>, string, string>;
  };
}
