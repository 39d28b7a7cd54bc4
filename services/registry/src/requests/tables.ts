import type { Generated, Kysely, Selectable } from 'kysely';

export type State = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
export type Kind = 'request' | 'batch';

interface SubmissionTable {
  tenant: string;
  submission_id: string;
  kind: Kind;
  system: string;
  caller: string;
  idempotency_key: string | null;
  state: State;
  body_digest: string;
  format: string;
  rows_total: number;
  rows_done: Generated<number>;
  rows_failed: Generated<number>;
  rows_failed_max: number;
  parts_done: Generated<number>;
  result_digest: Generated<string>;
  error_json: Generated<string>;
  created_at: Date;
  ended_at: Date | null;
  epoch: Generated<number>;
  attempt: Generated<number>;
  next_at: Date;
  leased_until: Date | null;
  callback_url: string;
  callback_secret: string;
  callback_state: 'none' | 'pending' | 'delivered' | 'failed';
  callback_attempt: Generated<number>;
  callback_error: Generated<string>;
  callback_epoch: Generated<number>;
  callback_next_at: Date | null;
  callback_leased_until: Date | null;
}

interface SubmissionPartTable {
  tenant: string;
  submission_id: string;
  ordinal: number;
  digest: string;
}

/** Beside the registry's other tables; see `migrations/0007_requests.sql`. */
export type RequestsDb = Kysely<{ submission: SubmissionTable; submission_part: SubmissionPartTable }>;
export type SubmissionRow = Selectable<SubmissionTable>;
