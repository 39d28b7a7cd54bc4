import type { DescMethod } from '@bufbuild/protobuf';
import { asPlatformError } from '@perennial/kernel';
import type { Call, RpcService } from '@perennial/service';
import { allowRoute, type Caller } from '../decide/access.js';
import { type GrpcCall, grpcCalls } from '../decide/protocol-access.js';

type Work = (request: unknown, call: Call) => unknown;

/** Told of calls that were turned away after it was known who calls. */
export type OnForbidden = (path: string, caller: Caller, call: Call) => void;

/** Told of requests for predictions that the caller's limits refused. */
export type OnRefused = (model: string, caller: Caller, thrown: unknown) => void;

/**
 * Puts a guard before every method of the Open Inference Protocol: what the role may, what the scope holds, and what the
 * allowance leaves, for each message. A method without a rule answers nobody.
 */
export function guarded(
  { service, implementation }: RpcService,
  onForbidden: OnForbidden,
  onRefused: OnRefused,
): RpcService {
  const methods: Record<string, Work> = {};
  for (const [name, method] of Object.entries(service.method)) {
    const work = implementation[name];
    const rule = (grpcCalls as Readonly<Record<string, GrpcCall>>)[name];
    if (typeof work !== 'function' || !rule) continue;
    const open = (message: unknown, call: Call) => {
      try {
        return admitted(rule, message, call, onRefused);
      } catch (thrown) {
        const { code } = asPlatformError(thrown);
        if (code === 'FORBIDDEN')
          onForbidden(`/${service.typeName}/${method.name}`, call.caller as Caller, call);
        throw thrown;
      }
    };
    methods[name] = guardedMethod(method, work.bind(implementation) as Work, open);
  }
  return { service, implementation: methods };
}

function guardedMethod(
  method: DescMethod,
  work: Work,
  open: (message: unknown, call: Call) => (() => void) | undefined,
): Work {
  if (method.methodKind === 'unary') {
    return async (request, call) => {
      const end = open(request, call);
      try {
        return await work(request, call);
      } finally {
        end?.();
      }
    };
  }
  return (requests, call) => work(admittedMessages(requests as AsyncIterable<unknown>, call, open), call);
}

/** A message that is not let through ends its stream. It counts as a request, not as one that is still in work. */
async function* admittedMessages(
  requests: AsyncIterable<unknown>,
  call: Call,
  open: (message: unknown, call: Call) => (() => void) | undefined,
): AsyncGenerator<unknown> {
  for await (const request of requests) {
    open(request, call)?.();
    yield request;
  }
}

/** @throws PlatformError FORBIDDEN, REQUESTS_EXHAUSTED, REQUESTS_AT_ONCE_EXHAUSTED */
function admitted(
  rule: GrpcCall,
  message: unknown,
  call: Call,
  onRefused: OnRefused,
): (() => void) | undefined {
  const { needs, modelOf, checksScope } = rule;
  if (needs === undefined) return undefined;
  const caller = call.caller as Caller;
  const model = modelOf?.(message as never);
  allowRoute(caller, { needs, checksScope }, model === undefined ? {} : { model });
  try {
    return caller.meter?.begin();
  } catch (thrown) {
    if (needs === 'predict' && model !== undefined) onRefused(model, caller, thrown);
    throw thrown;
  }
}
