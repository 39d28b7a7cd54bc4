import type { DescMethod } from '@bufbuild/protobuf';
import { asPlatformError } from '@perennial/kernel';
import type { Call, RpcService } from '@perennial/service';
import { allowRoute, type Caller } from '../decide/access.js';
import { type GrpcCall, grpcCalls } from '../decide/protocol-access.js';

type Work = (request: unknown, call: Call) => unknown;
/** Gives back a place. */
type End = () => void;
/** Lets a message in; with `waits` it gives 'full' where only a place of this caller's is missing. */
type Open = (message: unknown, call: Call, waits?: boolean) => End | 'full' | undefined;

export interface GuardOptions {
  /** Told of calls that were turned away after it was known who calls. */
  readonly onForbidden: (path: string, caller: Caller, call: Call) => void;
  /** Told of requests for predictions that the caller's limits refused. */
  readonly onRefused: (model: string, caller: Caller, thrown: unknown) => void;
  /**
   * Asked before each message of a stream: a key may end while its stream goes on.
   *
   * @throws PlatformError UNAUTHENTICATED
   */
  readonly callerAgain: (call: Call) => unknown;
}

/**
 * Puts a guard before every method of the Open Inference Protocol: what the role may, what the scope holds, and what the
 * allowance leaves, for each message. A method without a rule answers nobody.
 */
export function guarded(guardedService: RpcService, options: GuardOptions): RpcService {
  const { service, implementation } = guardedService;
  const methods: Record<string, Work> = {};
  for (const [name, method] of Object.entries(service.method)) {
    const work = implementation[name];
    const rule = (grpcCalls as Readonly<Record<string, GrpcCall>>)[name];
    if (typeof work !== 'function' || !rule) continue;
    const open = openOf(rule, `/${service.typeName}/${method.name}`, options);
    methods[name] = guardedMethod(method, work.bind(implementation) as Work, open, options);
  }
  return { ...guardedService, implementation: methods };
}

function openOf(rule: GrpcCall, path: string, { onForbidden, onRefused }: GuardOptions): Open {
  const { needs, modelOf, checksScope } = rule;
  if (needs === undefined) return () => undefined;
  return (message, call, waits = false) => {
    const caller = call.caller as Caller;
    const model = modelOf?.(message as never);
    try {
      allowRoute(caller, { needs, checksScope }, model === undefined ? {} : { model });
    } catch (thrown) {
      if (asPlatformError(thrown).code === 'FORBIDDEN') onForbidden(path, caller, call);
      throw thrown;
    }
    try {
      return caller.meter?.begin();
    } catch (thrown) {
      if (waits && asPlatformError(thrown).code === 'REQUESTS_AT_ONCE_EXHAUSTED') return 'full';
      if (needs === 'predict' && model !== undefined) onRefused(model, caller, thrown);
      throw thrown;
    }
  };
}

function guardedMethod(method: DescMethod, work: Work, open: Open, { callerAgain }: GuardOptions): Work {
  if (method.methodKind === 'unary') {
    return (request, call) => {
      const end = open(request, call) as End | undefined;
      return end ? ending(() => work(request, call), end) : work(request, call);
    };
  }
  return (requests, call) => {
    const places = new Places();
    const known = { call, open, callerAgain };
    const admitted = admittedMessages(requests as AsyncIterable<unknown>, known, places);
    return answersOf(work(admitted, call) as AsyncIterable<unknown>, places);
  };
}

/** Gives the place back when the work is done, whether that is now or later. */
function ending(work: () => unknown, end: End): unknown {
  let isLater = false;
  try {
    const answer = work();
    if (!(answer instanceof Promise)) return answer;
    isLater = true;
    return answer.finally(end);
  } finally {
    if (!isLater) end();
  }
}

/** What the messages of one stream that are not answered yet take of the caller's allowance, the oldest first. */
class Places {
  readonly #ends: (End | undefined)[] = [];
  #wake: (() => void) | undefined;
  isOver = false;

  get inWork(): number {
    return this.#ends.length;
  }

  add(end: End | undefined): void {
    this.#ends.push(end);
  }

  giveBack(): void {
    this.#ends.shift()?.();
    this.#wake?.();
  }

  giveAllBack(): void {
    this.isOver = true;
    for (const end of this.#ends.splice(0)) end?.();
    this.#wake?.();
  }

  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/**
 * A message that is not let through ends its stream. One that has no place because of those before it in its stream
 * waits for them, unread by whoever works.
 */
async function* admittedMessages(
  requests: AsyncIterable<unknown>,
  { call, open, callerAgain }: { call: Call; open: Open } & Pick<GuardOptions, 'callerAgain'>,
  places: Places,
): AsyncGenerator<unknown> {
  for await (const request of requests) {
    const known = callerAgain(call);
    if (known instanceof Promise) await known;
    let end = open(request, call, places.inWork > 0);
    while (end === 'full') {
      await places.changed();
      if (places.isOver) return;
      end = open(request, call, places.inWork > 0);
    }
    places.add(end);
    yield request;
  }
}

/** One answer for each message, in their order. */
async function* answersOf(answers: AsyncIterable<unknown>, places: Places): AsyncGenerator<unknown> {
  try {
    for await (const answer of answers) {
      places.giveBack();
      yield answer;
    }
  } finally {
    places.giveAllBack();
  }
}
