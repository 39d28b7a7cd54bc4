import type {
  Metadata,
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
} from '@grpc/grpc-js';
import { asPlatformError } from '@perennial/kernel';
import { CallDurations } from '../telemetry/rpc-durations.js';
import { statusOf } from './errors.js';
import type { Authorize, WhoCalls } from './types.js';

/** Where a call's metadata says who calls. A WeakMap would be work for the garbage collector with every call. */
const caller = Symbol('caller');

/** Who the server let in with this metadata; undefined where it lets anybody in. */
export function callerIn(metadata: Metadata): unknown {
  return (metadata as Metadata & { [caller]?: unknown })[caller];
}

export interface AuthorizingOptions {
  readonly authorize: Authorize;
  readonly onError?: (error: unknown, path: string) => void;
}

/**
 * Finds out who calls before a message is read: whoever is not let in makes this process hold none of the 64 MiB that a
 * message may have, and has nothing of it unpacked.
 */
export function authorizing({ authorize, onError }: AuthorizingOptions): ServerInterceptor {
  return ({ path }, call) => {
    const startedAt = performance.now();
    const refuse = (thrown: unknown) => {
      const error = asPlatformError(thrown);
      if (error.fault === 'us') onError?.(error, path);
      const status = statusOf(error);
      call.sendStatus(status);
      new CallDurations(path.slice(1)).record(status.code, (performance.now() - startedAt) / 1_000);
    };
    const onReceiveMetadata = (metadata: Metadata, go: (metadata: Metadata) => void) => {
      const letIn = (known: unknown) => {
        (metadata as Metadata & { [caller]?: unknown })[caller] = known;
        go(metadata);
      };
      let known: unknown;
      try {
        known = authorize(metadata, path, whoCalls(call));
      } catch (thrown) {
        return refuse(thrown);
      }
      if (known instanceof Promise) void known.then(letIn, refuse);
      else letIn(known);
    };
    // A ServerInterceptingCall would wrap every message of every call for the sake of this one step.
    const start = call.start.bind(call);
    call.start = (listener) =>
      start({
        onReceiveMetadata: (metadata) =>
          onReceiveMetadata(metadata, (letIn) => listener.onReceiveMetadata(letIn)),
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveHalfClose: () => listener.onReceiveHalfClose(),
        onCancel: () => listener.onCancel(),
      });
    return call as ServerInterceptingCall;
  };
}

function whoCalls(call: ServerInterceptingCallInterface): WhoCalls {
  return {
    // Asked for where somebody is turned away.
    get peer() {
      return call.getPeer();
    },
    certificate: () => call.getAuthContext().sslPeerCertificate,
  };
}
