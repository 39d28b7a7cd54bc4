import { type CreateSubmissionRequest, PredictionRequestService, SubmissionKind } from '@perennial/contracts';
import { type Clock, invalid, notFound, PlatformError, uuidv7 } from '@perennial/kernel';
import { rpc } from '@perennial/service';
import { Callbacks } from './callbacks.js';
import { requestLimits } from './limits.js';
import { shownSubmission } from './shown.js';
import { type Lease, Submissions } from './submissions.js';
import type { Kind, RequestsDb, SubmissionRow } from './tables.js';

export interface RequestsContext {
  readonly db: RequestsDb;
  readonly tenant: string;
  readonly clock: Clock;
}

/** Keeps predictions that are fetched later. */
export function predictionRequestService(context: RequestsContext) {
  const { clock } = context;
  const submissions = new Submissions(context.db, context.tenant);
  const callbacks = new Callbacks(context.db, context.tenant);
  return rpc(PredictionRequestService, {
    createSubmission: (request) => createSubmission(submissions, clock, request),
    getSubmission: async ({ submissionId }) => ({
      submission: shownSubmission(known(await submissions.find(submissionId), submissionId)),
    }),
    cancelSubmission: async ({ submissionId }) => ({
      submission: shownSubmission(known(await submissions.cancel(submissionId, clock.now()), submissionId)),
    }),
    claimSubmission: async ({ leaseMs, kind }) => {
      const row = await submissions.claim(kindOf(kind), clock.now(), leaseOf(leaseMs));
      return row ? { submission: shownSubmission(row), epoch: row.epoch } : {};
    },
    renewSubmission: async ({ leaseMs, ...lease }) => ({
      held: await submissions.renew(lease, clock.now() + leaseOf(leaseMs)),
    }),
    postponeSubmission: async ({ delayMs, ...lease }) => ({
      held: await submissions.postpone(lease, clock.now() + delayMs),
    }),
    recordSubmissionPart: async ({ submissionId, epoch, leaseMs, ...part }) => ({
      held: await submissions.addPart(
        { submissionId, epoch },
        { ...part, until: clock.now() + leaseOf(leaseMs) },
      ),
    }),
    completeSubmission: async ({ submissionId, epoch, ...end }) => {
      const lease: Lease = { submissionId, epoch };
      return { held: await submissions.complete(lease, { ...end, now: clock.now() }) };
    },
    listSubmissionParts: async ({ submissionId }) => ({ digests: await submissions.parts(submissionId) }),
    claimCallback: async ({ leaseMs }) => {
      const row = await callbacks.claim(clock.now(), leaseOf(leaseMs));
      if (!row) return {};
      return { submission: shownSubmission(row), secret: row.callback_secret, epoch: row.callback_epoch };
    },
    settleCallback: async ({ delivered, error, retryMs, ...lease }) => ({
      held: await callbacks.settle(lease, {
        delivered,
        error,
        nextAt: retryMs === 0 ? undefined : clock.now() + retryMs,
      }),
    }),
  });
}

async function createSubmission(submissions: Submissions, clock: Clock, request: CreateSubmissionRequest) {
  const kind = kindOf(request.kind);
  if (!kind) throw invalid('SUBMISSION_KIND', 'kind must be a request or a batch', { field: 'kind' });
  const { caller, idempotencyKey } = request;
  const now = clock.now();
  await submissions.forget(now);
  if (idempotencyKey !== '') {
    const there = await submissions.byKey(caller, idempotencyKey);
    if (there) return { submission: shownSubmission(same(there, request)), created: false };
  }
  const open = await submissions.openCount(caller);
  if (open >= requestLimits.openSubmissionsMax) throw tooMany(caller, open);
  const one = {
    ...request,
    kind,
    submissionId: uuidv7(clock),
    idempotencyKey: idempotencyKey || undefined,
  };
  const added = await submissions.add(one, now);
  if (added) return { submission: shownSubmission(added), created: true };
  // Another call with the key came between the look and the insert.
  const there = known(await submissions.byKey(caller, idempotencyKey), idempotencyKey);
  return { submission: shownSubmission(same(there, request)), created: false };
}

/** @throws PlatformError IDEMPOTENCY_CONFLICT */
function same(there: SubmissionRow, request: CreateSubmissionRequest): SubmissionRow {
  const isSame =
    there.body_digest === request.bodyDigest &&
    there.system === request.system &&
    there.kind === kindOf(request.kind) &&
    there.callback_url === request.callbackUrl;
  if (isSame) return there;
  throw invalid(
    'IDEMPOTENCY_CONFLICT',
    `the idempotency key was used for something else (${there.kind} ${there.submission_id}); use another one`,
    { field: 'idempotency-key' },
  );
}

function kindOf(kind: SubmissionKind): Kind | undefined {
  if (kind === SubmissionKind.REQUEST) return 'request';
  return kind === SubmissionKind.BATCH ? 'batch' : undefined;
}

function leaseOf(leaseMs: number): number {
  return Math.min(Math.max(leaseMs, 1), requestLimits.leaseMsMax);
}

function known(row: SubmissionRow | undefined, id: string): SubmissionRow {
  if (row) return row;
  throw notFound(
    'SUBMISSION_NOT_FOUND',
    `there is no submission ${JSON.stringify(id.slice(0, 60))} (any more): results are kept for ${requestLimits.keptDays} days`,
    { field: 'id' },
  );
}

function tooMany(caller: string, open: number): PlatformError {
  return new PlatformError(
    'SUBMISSIONS_EXHAUSTED',
    'caller',
    'after',
    `${open} submissions of "${caller}" have not ended; wait for some of them, or cancel them`,
    { retryAfterMs: 5_000 },
  );
}
