import type { Digest } from '@perennial/kernel';
import { answerTo } from '../http/predict.js';
import type { Held } from './held.js';
import { requestLimits } from './limits.js';
import type { End, WorkNeeds } from './work-needs.js';

/** Answers a request exactly as `POST …/predict` would have, and keeps the answer. @throws as answerTo */
export async function runRequest(needs: WorkNeeds, { submission, signal }: Held): Promise<End> {
  const artifacts = await needs.artifacts();
  const body = JSON.parse(
    new TextDecoder().decode(await artifacts.get(submission.bodyDigest as Digest)),
  ) as unknown;
  const answer = await answerTo(needs.predicting, {
    system: submission.system,
    transport: 'request/v1',
    deadlineAt: performance.now() + requestLimits.predictTimeoutMs,
    caller: needs.callerOf(submission.caller),
    signal,
    body: async () => body,
  });
  const { digest } = await artifacts.put(Buffer.from(JSON.stringify(answer)));
  return { resultDigest: digest, rowsDone: answer.predictions.length, rowsFailed: 0 };
}
