import { create } from '@bufbuild/protobuf';
import type { Log } from '@perennial/bus';
import { type oip, type ServeRequest, type ServeResponse, ServeResponseSchema } from '@perennial/contracts';
import { asPlatformError, type Digest, invalid, PlatformError } from '@perennial/kernel';
import { type Answer, type Cancellation, inputsOf, responseOf, type Tensor } from '@perennial/runtime';
import { TracedRuns } from '@perennial/service';
import { digestIn, type Models } from '../models.js';
import type { RuntimeLoad } from '../runtime-load.js';

/** What answering stands on. */
export interface Answering {
  readonly models: Models;
  readonly log: Log;
  readonly load: RuntimeLoad;
}

/**
 * Runs one request of a stream; what is wrong with it is its answer. At once where a kernel has the answer sooner than an
 * executor could begin. Every answer carries the replica's load.
 */
export function answerTo(
  answering: Answering,
  request: ServeRequest,
  signal: Cancellation,
): ServeResponse | Promise<ServeResponse> {
  try {
    const asked = askedOf(request);
    const { runtime } = answering.models;
    const quick = runtime.inferNow(asked.digest, asked.inputs, { signal });
    if (quick) return answered(answering, request, quick);
    return inTime(answering.models, request, asked, signal)
      .then((answer) => answered(answering, request, answer))
      .catch((thrown: unknown) => failed(answering, request, thrown));
  } catch (thrown) {
    return failed(answering, request, thrown);
  }
}

function answered({ load }: Answering, request: ServeRequest, answer: Answer): ServeResponse {
  if (request.traceparents.length > 0) traceRun(request, answer);
  const { outputs, queueUs, computeUs, batchId, batchRows } = answer;
  const { rowsWaiting, utilisation } = load.now();
  return {
    $typeName: 'perennial.v1.ServeResponse',
    sequence: request.sequence,
    outcome: { case: 'response', value: responseTo(request.request, outputs) },
    queueUs: Math.round(queueUs),
    computeUs: Math.round(computeUs),
    batchId,
    batchRows,
    rowsWaiting,
    utilisation,
  };
}

function failed({ log, load }: Answering, request: ServeRequest, thrown: unknown): ServeResponse {
  const error = asPlatformError(thrown);
  if (error.fault === 'us') log.error('a request failed', { error, digest: request.digest });
  return create(ServeResponseSchema, {
    sequence: request.sequence,
    outcome: { case: 'error', value: toldOf(error) },
    ...load.now(),
  });
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

interface Asked {
  readonly digest: Digest;
  readonly request: oip.ModelInferRequest;
  readonly inputs: readonly Tensor[];
}

/** @throws PlatformError INPUT_MISSING, MODEL_DIGEST_INVALID, TENSOR_* */
function askedOf({ digest, request }: ServeRequest): Asked {
  if (!request) throw invalid('INPUT_MISSING', 'request: there is none', { field: 'request' });
  return { digest: digestIn('digest', digest), request, inputs: inputsOf(request) };
}

/** Runs the request, or tells that its time is over while it still waits for a model or an executor. */
function inTime(
  models: Models,
  { timeoutMs, priority, share, alone, signature }: ServeRequest,
  { digest, request, inputs }: Asked,
  signal: Cancellation,
): Promise<Answer> {
  const deadlineAt = timeoutMs > 0 ? performance.now() + timeoutMs : undefined;
  const run = models.runtime.infer(digest, request.modelName, inputs, {
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
