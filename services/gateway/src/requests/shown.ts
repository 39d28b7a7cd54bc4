import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { CallbackState, type Submission, SubmissionKind, SubmissionState } from '@perennial/contracts';

const states: Readonly<Record<SubmissionState, string>> = {
  [SubmissionState.UNSPECIFIED]: 'queued',
  [SubmissionState.QUEUED]: 'queued',
  [SubmissionState.RUNNING]: 'running',
  [SubmissionState.COMPLETED]: 'completed',
  [SubmissionState.FAILED]: 'failed',
  [SubmissionState.CANCELLED]: 'cancelled',
};
const callbackStates: Readonly<Record<CallbackState, string>> = {
  [CallbackState.UNSPECIFIED]: 'none',
  [CallbackState.PENDING]: 'pending',
  [CallbackState.DELIVERED]: 'delivered',
  [CallbackState.FAILED]: 'failed',
};

export function stateOf({ state }: Submission): string {
  return states[state];
}

export function hasEnded({ state }: Submission): boolean {
  return state !== SubmissionState.QUEUED && state !== SubmissionState.RUNNING;
}

/** Where a submission is asked after. */
export function pathOf({ kind, submissionId }: Submission): string {
  return `/v1/${kind === SubmissionKind.BATCH ? 'batches' : 'requests'}/${submissionId}`;
}

/** A submission as people read it; `result` is the answer to a request that has it. */
export function shownSubmission(submission: Submission, result?: JsonValue): JsonObject {
  const { createdAt, endedAt, kind, callbackUrl } = submission;
  const isBatch = kind === SubmissionKind.BATCH;
  const isDone = submission.state === SubmissionState.COMPLETED;
  return {
    id: submission.submissionId,
    kind: isBatch ? 'batch' : 'request',
    system: submission.system,
    state: states[submission.state],
    created_at: createdAt ? timestampDate(createdAt).toISOString() : '',
    ...(endedAt && { ended_at: timestampDate(endedAt).toISOString() }),
    rows: { total: submission.rowsTotal, done: submission.rowsDone, failed: submission.rowsFailed },
    attempts: submission.attempt,
    ...(isBatch && { format: submission.format }),
    ...(isBatch && isDone && { result_url: `${pathOf(submission)}/result` }),
    ...(result !== undefined && { result }),
    ...(submission.errorJson !== '' && { error: JSON.parse(submission.errorJson) as JsonObject }),
    ...(callbackUrl !== '' && {
      callback: {
        url: callbackUrl,
        state: callbackStates[submission.callbackState],
        attempts: submission.callbackAttempt,
        ...(submission.callbackError !== '' && { error: submission.callbackError }),
      },
    }),
  };
}
