import type { ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { type Submission, SubmissionKind } from '@perennial/contracts';
import { asPlatformError } from '@perennial/kernel';
import type { ControlRequest, StreamRoute } from '../control/route.js';
import { gatewayLimits } from '../limits.js';
import { requestLimits } from './limits.js';
import { type RequestNeeds, resultOf } from './needs.js';
import { submissionOf } from './routes.js';
import { hasEnded, shownSubmission } from './shown.js';

/** `GET /v1/requests/<id>/events` and the same of batches: `progress` as it changes, `result` at the end. */
export function followRoutes(needs: RequestNeeds): StreamRoute[] {
  return [
    { name: 'requests', kind: SubmissionKind.REQUEST },
    { name: 'batches', kind: SubmissionKind.BATCH },
  ].map(({ name, kind }) => ({
    method: 'GET',
    path: `/v1/${name}/:id/events`,
    needs: 'predict',
    checksScope: true as const,
    follows: () => true,
    serve: async (context, _request, response) => {
      const first = await submissionOf(needs, context, kind);
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
      });
      await follow(needs, first, context.signal, response);
      response.end();
    },
  }));
}

async function follow(
  needs: RequestNeeds,
  first: Submission,
  signal: ControlRequest['signal'],
  response: ServerResponse,
): Promise<void> {
  let told = '';
  let toldAt = performance.now();
  let submission: Submission | undefined = first;
  while (!signal.aborted && !response.destroyed) {
    if (submission) {
      const ended = hasEnded(submission);
      const event = ended ? 'result' : 'progress';
      const result = ended ? await resultOf(needs, submission) : undefined;
      const data = JSON.stringify(shownSubmission(submission, result));
      if (data !== told) {
        response.write(`event: ${event}\ndata: ${data}\n\n`);
        told = data;
        toldAt = performance.now();
      }
      if (ended) return;
    }
    if (performance.now() - toldAt > gatewayLimits.followerHeartbeatMs) {
      response.write(': alive\n\n');
      toldAt = performance.now();
    }
    await setTimeout(requestLimits.followEveryMs, undefined, { signal }).catch(() => {});
    submission = await lookAgain(needs, first.submissionId);
  }
}

/** Undefined while the registry is away: the follower waits with us. */
async function lookAgain({ submissions }: RequestNeeds, id: string): Promise<Submission | undefined> {
  try {
    return (await submissions.getSubmission({ submissionId: id })).submission;
  } catch (thrown) {
    const error = asPlatformError(thrown);
    if (error.retry === 'never') throw error;
    return undefined;
  }
}
