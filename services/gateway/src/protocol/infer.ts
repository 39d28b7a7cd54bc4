import type { Ask, PredictedTensors, TensorsAsk, TensorsBody } from '../ask.js';
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
  read(): InferenceRequest | Promise<InferenceRequest>;
}

export interface Answered {
  readonly request: InferenceRequest;
  readonly response: InferenceResponse;
}

/**
 * Answers an inference request: the same for every transport, which only decode and encode. At once where nobody else has
 * to be asked.
 *
 * @throws PlatformError, recorded under its code
 */
export function infer(
  predictor: Predictor,
  deployments: Deployments,
  call: InferenceCall,
): Answered | Promise<Answered> {
  const ask = new Asked(call);
  const predicted = predictor.tensorsAtOnce(ask);
  return predicted instanceof Promise
    ? predicted.then((tensors) => answeredWith(deployments, ask, tensors))
    : answeredWith(deployments, ask, predicted);
}

function answeredWith(deployments: Deployments, ask: Asked, answered: PredictedTensors): Answered {
  const model = ask.system;
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

const none: readonly string[] = [];

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

  body(): TensorsBody | Promise<TensorsBody> {
    const request = this.#call.read();
    return request instanceof Promise ? request.then((read) => this.#take(read)) : this.#take(request);
  }

  #take(request: InferenceRequest): TensorsBody {
    const { priority, timeoutUs, eventTime } = request.parameters;
    this.request = request;
    this.priority = priority;
    if (timeoutUs > 0) this.deadlineAt = Math.min(this.deadlineAt, performance.now() + timeoutUs / 1_000);
    const { inputs, outputs } = request;
    return { inputs, outputNames: outputs.length === 0 ? none : outputs.map(({ name }) => name), eventTime };
  }
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
