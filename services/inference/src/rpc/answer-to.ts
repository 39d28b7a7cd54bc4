import { create } from '@bufbuild/protobuf';
import type { Log } from '@perennial/bus';
import { type oip, type ServeRequest, type ServeResponse, ServeResponseSchema } from '@perennial/contracts';
import { asPlatformError, invalid, PlatformError } from '@perennial/kernel';
import { type Answer, type Cancellation, inputsOf, responseOf, type Tensor } from '@perennial/runtime';
import { TracedRuns } from '@perennial/service';
import { digestIn, type Models } from '../models.js';

/** Runs one request of a stream; what is wrong with it is its answer. Every answer carries the replica's load. */
export async function answerTo(
  models: Models,
  log: Log,
  request: ServeRequest,
  signal: Cancellation,
): Promise<ServeResponse> {
  const { sequence } = request;
  const { runtime } = models;
  try {
    const answer = await inTime(models, request, signal);
    const { outputs, queueUs, computeUs, batchId, batchRows } = answer;
    if (request.traceparents.length > 0) traceRun(request, answer);
    return create(ServeResponseSchema, {
      sequence,
      outcome: { case: 'response', value: responseTo(request.request, outputs) },
      queueUs: Math.round(queueUs),
      computeUs: Math.round(computeUs),
      batchId,
      batchRows,
      rowsWaiting: runtime.rowsWaiting,
      utilisation: runtime.utilisation,
    });
  } catch (thrown) {
    const error = asPlatformError(thrown);
    if (error.fault === 'us') log.error('a request failed', { error, digest: request.digest });
    return create(ServeResponseSchema, {
      sequence,
      outcome: { case: 'error', value: toldOf(error) },
      rowsWaiting: runtime.rowsWaiting,
      utilisation: runtime.utilisation,
    });
  }
}

/** All of it that is public. */
function toldOf({ code, message, fault, retry, retryAfterMs = 0, field = '' }: PlatformError) {
  return { code, message, fault, retry, retryAfterMs: Math.ceil(retryAfterMs), field };
}

const tracedRuns = new TracedRuns();

function traceRun({ request, traceparents }: ServeRequest, answer: Answer): void {
  const { modelName: model = '', modelVersion: version = '' } = request ?? {};
  tracedRuns.answered({ ...answer, traceparents, model, version });
}

/** Runs the request, or tells that its time is over while it still waits for a model or an executor. */
function inTime(models: Models, asked: ServeRequest, signal: Cancellation): Promise<Answer> {
  const { digest, request, timeoutMs, priority, share, alone, signature } = asked;
  if (!request) throw invalid('INPUT_MISSING', 'request: there is none', { field: 'request' });
  const deadlineAt = timeoutMs > 0 ? performance.now() + timeoutMs : undefined;
  const run = models.runtime.infer(digestIn('digest', digest), request.modelName, inputsOf(request), {
    deadlineAt,
    priority,
    share,
    alone,
    signal,
    signature,
    version: Number(request.modelVersion) || 0,
  });
  if (deadlineAt === undefined) return run;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late(timeoutMs)), timeoutMs);
    run.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function late(timeoutMs: number): PlatformError {
  return new PlatformError(
    'DEADLINE_EXCEEDED',
    'dependency',
    'after',
    `Request timeout expired: the model did not answer within ${timeoutMs} ms; send fewer rows or allow more time`,
  );
}

/** All outputs, or those that were asked for. */
function responseTo(request: oip.ModelInferRequest | undefined, outputs: readonly Tensor[]) {
  const { modelName = '', modelVersion = '', id = '', outputs: wanted = [] } = request ?? {};
  const chosen = wanted.map(({ name }) => {
    const output = outputs.find((tensor) => tensor.name === name);
    if (output) return output;
    const names = outputs.map((tensor) => `'${tensor.name}'`).join(', ');
    throw invalid(
      'TENSOR_OUTPUT_UNKNOWN',
      `unexpected inference output '${name}' for model '${modelName}'; it gives ${names}`,
      { field: name },
    );
  });
  return responseOf(chosen.length > 0 ? chosen : outputs, { modelName, modelVersion, id });
}
