import { create } from '@bufbuild/protobuf';
import type { Log } from '@perennial/bus';
import { type oip, type ServeRequest, type ServeResponse, ServeResponseSchema } from '@perennial/contracts';
import { asPlatformError, invalid, PlatformError } from '@perennial/kernel';
import { type Answer, inputsOf, responseOf, type Tensor } from '@perennial/runtime';
import type { Call } from '@perennial/service';
import { inferenceLimits } from '../limits.js';
import { digestIn, type Models } from '../models.js';
import { AnswerQueue } from './answer-queue.js';

/**
 * One gateway's stream: each request is run as it comes and answered when it is done, whatever the order. When the
 * service drains, what is in hand is answered and the stream ends; the gateway opens another one.
 */
export async function* serve(
  models: Models,
  log: Log,
  requests: AsyncIterable<ServeRequest>,
  { draining, signal }: Pick<Call, 'draining' | 'signal'>,
): AsyncGenerator<ServeResponse> {
  let running = 0;
  let unsent = 0;
  let isOver = false;
  let resume: (() => void) | undefined;
  const answers = new AnswerQueue<ServeResponse>(() => {
    unsent -= 1;
    resume?.();
  });
  const end = () => {
    isOver = true;
    if (running === 0) answers.close();
  };
  // The client went away: there is nobody to answer.
  const abandon = () => {
    isOver = true;
    answers.close();
    resume?.();
  };
  const read = async () => {
    for await (const request of requests) {
      if (isOver) return;
      running += 1;
      void answerTo(models, log, request).then((response) => {
        running -= 1;
        unsent += 1;
        answers.push(response);
        if (isOver) end();
      });
      while (running + unsent >= inferenceLimits.streamInHandMax && !isOver) {
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
    }
  };
  draining.addEventListener('abort', end);
  signal.addEventListener('abort', abandon);
  read().then(end, abandon);
  try {
    yield* answers;
  } finally {
    draining.removeEventListener('abort', end);
    signal.removeEventListener('abort', abandon);
  }
}

async function answerTo(models: Models, log: Log, request: ServeRequest): Promise<ServeResponse> {
  const { sequence } = request;
  try {
    const { outputs, queueUs, computeUs } = await inTime(models, request);
    return create(ServeResponseSchema, {
      sequence,
      outcome: { case: 'response', value: responseTo(request.request, outputs) },
      queueUs: Math.round(queueUs),
      computeUs: Math.round(computeUs),
    });
  } catch (thrown) {
    const error = asPlatformError(thrown);
    if (error.fault === 'us') log.error('a request failed', { error, digest: request.digest });
    const { code, message } = error;
    return create(ServeResponseSchema, { sequence, outcome: { case: 'error', value: { code, message } } });
  }
}

/** Runs the request, or tells that its time is over while it still waits for a model or an executor. */
function inTime(models: Models, { digest, request, timeoutMs }: ServeRequest): Promise<Answer> {
  if (!request) throw invalid('INPUT_MISSING', 'request: there is none', { field: 'request' });
  const deadlineAt = timeoutMs > 0 ? performance.now() + timeoutMs : undefined;
  const run = models.runtime.infer(
    digestIn('digest', digest),
    request.modelName,
    inputsOf(request),
    deadlineAt,
  );
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
