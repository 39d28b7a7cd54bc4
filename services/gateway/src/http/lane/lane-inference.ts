import { asPlatformError } from '@perennial/kernel';
import type { Cancellation } from '@perennial/runtime';
import { collectsTraces } from '@perennial/service';
import { allowRoute, type Caller } from '../../decide/access.js';
import type { Deployments } from '../../deployments.js';
import { gatewayLimits } from '../../limits.js';
import type { Predictor } from '../../predictor.js';
import { type Answered, type InferenceCall, infer } from '../../protocol/infer.js';
import { readInferenceBody } from '../../protocol/json-body.js';
import type { InferenceRequest } from '../../protocol/request.js';
import { inferenceError } from '../answer.js';
import { compressed } from '../compressed.js';
import { deadlineAfter, timeoutHeader } from '../deadline.js';
import { headerLengthName, inferAnswer } from '../infer-answer.js';
import type { LaneAnswer } from './answer-text.js';
import type { RequestHead } from './request-head.js';

const transport = 'http/v2';

export interface LaneInferenceOptions {
  /** @throws PlatformError where nobody may come in so */
  readonly callerOf: (authorization: string) => Caller | Promise<Caller>;
  readonly predictor: Predictor;
  readonly deployments: Deployments;
  readonly onError: (error: unknown, path: string) => void;
}

/**
 * Answers inferences of the fast lane as the front does it: the same caller, allowance, records and words. Who may not
 * come in, or asks for more than the plain case, is left to the front before anything was done.
 */
export class LaneInference {
  readonly #o: LaneInferenceOptions;
  /** The caller of a head, as long as it is the same one: what it may do does not change. */
  readonly #allowed = new WeakMap<RequestHead, Caller>();

  constructor(options: LaneInferenceOptions) {
    this.#o = options;
  }

  answer(
    head: RequestHead,
    body: Buffer,
    signal: Cancellation,
  ): LaneAnswer | Promise<LaneAnswer> | undefined {
    const caller = this.#callerOf(head);
    // A raw body needs the model to explain it, and spans a context.
    if (!caller || collectsTraces() || head.header(headerLengthName) === '0') return undefined;
    const deadlineAt = plainDeadline(head.header(timeoutHeader));
    if (deadlineAt === undefined) return undefined;
    if (!caller.meter) return this.#infer(new LaneCall(head, body, caller, deadlineAt, signal));
    return this.#metered(caller, new LaneCall(head, body, caller, deadlineAt, signal));
  }

  /** Undefined where the front is to say who it is, or that it may not. */
  #callerOf(head: RequestHead): Caller | undefined {
    try {
      const caller = this.#o.callerOf(head.authorization);
      if (caller instanceof Promise) {
        // The front asks again, and tells.
        caller.catch(() => {});
        return undefined;
      }
      if (this.#allowed.get(head) === caller) return caller;
      allowRoute(caller, { needs: 'predict' }, { model: head.model });
      this.#allowed.set(head, caller);
      return caller;
    } catch {
      return undefined;
    }
  }

  /** The rate's headers stand on every answer, refusals too. */
  #metered({ meter }: Caller, call: LaneCall): LaneAnswer | Promise<LaneAnswer> {
    let end: (() => void) | undefined;
    let refused: unknown;
    try {
      end = meter?.begin();
    } catch (thrown) {
      refused = thrown;
    }
    const rates = meter?.headers() ?? {};
    if (!end) {
      const { model: system, caller } = call;
      this.#o.predictor.refused({ system, transport, caller }, refused);
      return withRates(rates, this.#failed(call, refused));
    }
    const answer = this.#infer(call);
    if (!(answer instanceof Promise)) {
      end();
      return withRates(rates, answer);
    }
    return answer.then((later) => withRates(rates, later)).finally(end);
  }

  #infer(call: LaneCall): LaneAnswer | Promise<LaneAnswer> {
    const { predictor, deployments } = this.#o;
    try {
      const answered = infer(predictor, deployments, call);
      const answer =
        answered instanceof Promise
          ? answered.then((later) => answerFor(call, later))
          : answerFor(call, answered);
      return answer instanceof Promise ? answer.catch((thrown) => this.#failed(call, thrown)) : answer;
    } catch (thrown) {
      return this.#failed(call, thrown);
    }
  }

  #failed({ model, version }: LaneCall, thrown: unknown): LaneAnswer {
    const ofVersion = version === '' ? '' : `/versions/${version}`;
    if (asPlatformError(thrown).fault === 'us')
      this.#o.onError(thrown, `/v2/models/${model}${ofVersion}/infer`);
    return inferenceError(thrown);
  }
}

/** One inference as `infer` is asked it. */
class LaneCall implements InferenceCall {
  readonly transport = transport;
  readonly model: string;
  readonly version: string;
  readonly caller: Caller;
  readonly deadlineAt: number;
  readonly signal: Cancellation;
  readonly headers: RequestHead['header'];
  readonly #body: Buffer;

  constructor(
    { model, version, header }: RequestHead,
    body: Buffer,
    caller: Caller,
    deadlineAt: number,
    signal: Cancellation,
  ) {
    this.model = model;
    this.version = version;
    this.caller = caller;
    this.deadlineAt = deadlineAt;
    this.signal = signal;
    this.headers = header;
    this.#body = body;
  }

  read(): InferenceRequest {
    return readInferenceBody(this.#body, this.headers(headerLengthName), this.model);
  }
}

function answerFor({ headers: header }: LaneCall, { response }: Answered): LaneAnswer | Promise<LaneAnswer> {
  const { body, headers } = inferAnswer(response);
  const answer = { status: 200, headers, body };
  const accepted = header('accept-encoding');
  return accepted === undefined || body.length < gatewayLimits.compressedBytesMin
    ? answer
    : packed(answer, accepted);
}

async function packed(answer: LaneAnswer, accepted: string): Promise<LaneAnswer> {
  const small = await compressed(answer.body, accepted);
  if (!small) return answer;
  return {
    ...answer,
    body: small.body,
    headers: { ...answer.headers, 'content-encoding': small.encoding },
  };
}

function withRates(rates: Readonly<Record<string, string>>, answer: LaneAnswer): LaneAnswer {
  return { ...answer, headers: { ...rates, ...answer.headers } };
}

/** Undefined for a wish that the front refuses. */
function plainDeadline(asked: string | undefined): number | undefined {
  try {
    return deadlineAfter(asked);
  } catch {
    return undefined;
  }
}
