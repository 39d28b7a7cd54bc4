import type { ColumnType } from 'kysely';

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
    system: string;
  };
  producer: {
    tenant: string;
    source: string;
    producer: string;
    public_key: string;
    rows: Count;
    last_event_time: Date | null;
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
  };
}
