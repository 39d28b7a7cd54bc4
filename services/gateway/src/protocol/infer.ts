import type { Ask, TensorsAsk } from '../ask.js';
import type { Deployments } from '../deployments.js';
import type { Predictor } from '../predictor.js';
import { classified } from './classification.js';
import type { AnsweredOutput, InferenceRequest, InferenceResponse } from './request.js';

/** One inference over any transport: who asks what, and how to have the request read. */
export interface InferenceCall extends Omit<Ask, 'system' | 'priority'> {
  readonly model: string;
  /** '': whichever the deployment's routes choose. */
  readonly version: string;
  /** Reads and decodes the request within the deadline; what it throws is recorded too. */
  readonly read: () => Promise<InferenceRequest>;
}

/**
 * Answers an inference request: the same for every transport, which only decode and encode.
 *
 * @throws PlatformError, recorded under its code
 */
export async function infer(
  predictor: Predictor,
  deployments: Deployments,
  call: InferenceCall,
): Promise<{ request: InferenceRequest; response: InferenceResponse }> {
  const { model } = call;
  const ask = new Asked(call);
  const answered = await predictor.predictTensors(ask);
  const request = ask.request as InferenceRequest;
  const outputs = request.outputs.length === 0 ? plain(request, answered.outputs) : undefined;
  return {
    request,
    response: {
      id: request.id,
      model,
      version: String(answered.version),
      predictionId: answered.predictionId,
      outputs: outputs ?? asRequested(request, answered.outputs, labelsOf(deployments, model)),
    },
  };
}

/** What the predictor is asked; deadline and priority are known only when the request's parameters have been read. */
class Asked implements TensorsAsk {
  readonly system: string;
  readonly version: string;
  readonly transport: string;
  readonly caller: Ask['caller'];
  readonly headers: Ask['headers'];
  readonly signal: Ask['signal'];
  deadlineAt: number;
  priority = 0;
  request: InferenceRequest | undefined;
  readonly #call: InferenceCall;

  constructor(call: InferenceCall) {
    this.system = call.model;
    this.version = call.version;
    this.transport = call.transport;
    this.caller = call.caller;
    this.headers = call.headers;
    this.signal = call.signal;
    this.deadlineAt = call.deadlineAt;
    this.#call = call;
  }

  body = async () => {
    const request = await this.#call.read();
    const { priority, timeoutUs, eventTime } = request.parameters;
    this.request = request;
    this.priority = priority;
    if (timeoutUs > 0) this.deadlineAt = Math.min(this.deadlineAt, performance.now() + timeoutUs / 1_000);
    return { inputs: request.inputs, outputNames: request.outputs.map(({ name }) => name), eventTime };
  };
}

function plain({ parameters }: InferenceRequest, tensors: InferredTensors): AnsweredOutput[] {
  return tensors.map((tensor) => ({ tensor, isBinary: parameters.isBinary }));
}

type InferredTensors = readonly AnsweredOutput['tensor'][];

/** The predictor gives outputs in the order of the asking. */
function asRequested(
  { outputs, parameters }: InferenceRequest,
  tensors: InferredTensors,
  { labels, hasRows }: { labels: readonly string[]; hasRows: boolean },
): AnsweredOutput[] {
  return outputs.map(({ isBinary = parameters.isBinary, classes }, at) => {
    const tensor = tensors[at] as AnsweredOutput['tensor'];
    return { tensor: classes > 0 ? classified(tensor, classes, labels, hasRows) : tensor, isBinary };
  });
}

/** A deployment's class texts, and whether its outputs begin with a dimension of rows. */
function labelsOf(deployments: Deployments, model: string): { labels: readonly string[]; hasRows: boolean } {
  const deployment = deployments.current(model)?.deployment;
  const shape = deployment?.outputs[0]?.shape ?? [];
  return { labels: deployment?.serve?.classes ?? [], hasRows: shape.length === 0 || shape[0] === -1n };
}
