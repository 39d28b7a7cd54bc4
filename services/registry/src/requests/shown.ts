import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  CallbackState,
  type Submission,
  SubmissionKind,
  SubmissionSchema,
  SubmissionState,
} from '@perennial/contracts';
import type { SubmissionRow } from './tables.js';

const states = {
  queued: SubmissionState.QUEUED,
  running: SubmissionState.RUNNING,
  completed: SubmissionState.COMPLETED,
  failed: SubmissionState.FAILED,
  cancelled: SubmissionState.CANCELLED,
};
const callbackStates = {
  none: CallbackState.UNSPECIFIED,
  pending: CallbackState.PENDING,
  delivered: CallbackState.DELIVERED,
  failed: CallbackState.FAILED,
};

/** A row as the API tells it; the secret of its callback is never among it. */
export function shownSubmission(row: SubmissionRow): Submission {
  return create(SubmissionSchema, {
    submissionId: row.submission_id,
    kind: row.kind === 'batch' ? SubmissionKind.BATCH : SubmissionKind.REQUEST,
    system: row.system,
    caller: row.caller,
    state: states[row.state],
    bodyDigest: row.body_digest,
    format: row.format,
    rowsTotal: row.rows_total,
    rowsDone: row.rows_done,
    rowsFailed: row.rows_failed,
    rowsFailedMax: row.rows_failed_max,
    partsDone: row.parts_done,
    resultDigest: row.result_digest,
    errorJson: row.error_json,
    createdAt: timestampFromDate(row.created_at),
    ...(row.ended_at && { endedAt: timestampFromDate(row.ended_at) }),
    attempt: row.attempt,
    callbackUrl: row.callback_url,
    callbackState: callbackStates[row.callback_state],
    callbackAttempt: row.callback_attempt,
    callbackError: row.callback_error,
  });
}
