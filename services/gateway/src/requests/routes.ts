import { type Submission, SubmissionKind } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { checkCallbackUrl } from '../callbacks/address.js';
import { checkSecret, newSecret } from '../callbacks/sign.js';
import { Answered, bodyObject, type ControlRequest, type ControlRoute } from '../control/route.js';
import { type AskedCallback, idempotencyKey, readSubmissionBody } from '../decide/submission-body.js';
import { unknownSystem } from '../deployments.js';
import { requestLimits } from './limits.js';
import { ownOne, type RequestNeeds, resultOf } from './needs.js';
import { pathOf, shownSubmission } from './shown.js';

/** Requests that are answered later: asked for, looked at, cancelled. Batches are looked at in the same way. */
export function requestRoutes(needs: RequestNeeds): ControlRoute[] {
  return [
    {
      method: 'POST',
      path: '/v1/systems/:system/requests',
      needs: 'predict',
      answer: (request) => createRequest(needs, request),
    },
    ...aboutOne(needs, 'requests', SubmissionKind.REQUEST),
    ...aboutOne(needs, 'batches', SubmissionKind.BATCH),
  ];
}

function aboutOne(needs: RequestNeeds, name: string, kind: SubmissionKind): ControlRoute[] {
  const path = `/v1/${name}/:id`;
  return [
    {
      method: 'GET',
      path,
      needs: 'predict',
      checksScope: true,
      answer: async (request) => {
        const submission = await submissionOf(needs, request, kind);
        return shownSubmission(submission, await resultOf(needs, submission));
      },
    },
    {
      method: 'DELETE',
      path,
      needs: 'predict',
      checksScope: true,
      answer: async (request) => {
        const { submissionId } = await submissionOf(needs, request, kind);
        const { submission } = await needs.submissions.cancelSubmission({ submissionId });
        return shownSubmission(ownOne(submission, request.caller));
      },
    },
  ];
}

/**
 * The one that the path names.
 *
 * @throws PlatformError SUBMISSION_NOT_FOUND
 */
export async function submissionOf(
  { submissions }: Pick<RequestNeeds, 'submissions'>,
  { params, caller }: Pick<ControlRequest, 'params' | 'caller'>,
  kind: SubmissionKind,
): Promise<Submission> {
  const { submission } = await submissions.getSubmission({ submissionId: params['id'] ?? '' });
  return ownOne(submission?.kind === kind ? submission : undefined, caller);
}

async function createRequest(needs: RequestNeeds, request: ControlRequest): Promise<Answered> {
  const system = request.params['system'] ?? '';
  noQuery(request.query, []);
  const { predictBody, rowCount, callback } = readSubmissionBody(bodyObject(request.text));
  checkSystem(needs, system);
  const { digest } = await (await needs.artifacts()).put(Buffer.from(predictBody));
  return submit(needs, request, callback, {
    kind: SubmissionKind.REQUEST,
    system,
    bodyDigest: digest,
    format: 'json',
    rowsTotal: rowCount,
    rowsFailedMax: 0,
  });
}

/** @throws PlatformError SYSTEM_NOT_FOUND */
export function checkSystem({ deployments }: RequestNeeds, system: string): void {
  if (deployments.isCaughtUp && !deployments.source(system) && !deployments.current(system))
    throw unknownSystem(system);
}

/** @throws PlatformError QUERY_INVALID for a parameter that the route does not have */
export function noQuery(query: ControlRequest['query'], known: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const names = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`;
  throw invalid('QUERY_INVALID', `${unknown} is no parameter of this route; ${names}`, { field: unknown });
}

export interface Submitted {
  readonly kind: SubmissionKind;
  readonly system: string;
  readonly bodyDigest: string;
  readonly format: string;
  readonly rowsTotal: number;
  readonly rowsFailedMax: number;
}

/** 202 with where to look; the secret of a callback that we made is told here and never again. */
export async function submit(
  needs: RequestNeeds,
  { caller, header }: Pick<ControlRequest, 'caller' | 'header'>,
  callback: AskedCallback | undefined,
  submitted: Submitted,
): Promise<Answered> {
  const { allowPrivateCallbacks: allowPrivate } = needs;
  const callbackUrl = callback ? checkCallbackUrl(callback.url, { allowPrivate }) : '';
  const given = callback?.secret === undefined ? undefined : checkSecret(callback.secret);
  const callbackSecret = callback ? (given ?? newSecret()) : '';
  caller.meter?.takeRows(submitted.rowsTotal);
  const key = idempotencyKey(header('idempotency-key'), requestLimits.idempotencyKeyCharactersMax);
  const { submission, created } = await needs.submissions.createSubmission({
    ...submitted,
    caller: caller.name,
    idempotencyKey: key ?? '',
    callbackUrl,
    callbackSecret,
  });
  needs.wake();
  const one = ownOne(submission, caller);
  const shown = shownSubmission(one);
  const secret = created && callback && given === undefined ? { secret: callbackSecret } : {};
  return new Answered(
    202,
    { ...shown, ...(callback && { callback: { ...(shown['callback'] as object), ...secret } }) },
    { location: pathOf(one) },
  );
}
