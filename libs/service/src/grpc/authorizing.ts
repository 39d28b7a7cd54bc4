import type {
  Metadata,
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
} from '@grpc/grpc-js';
import { asPlatformError } from '@perennial/kernel';
import { recordCall } from '../telemetry/rpc-durations.js';
import { statusOf } from './errors.js';
import type { Authorize, WhoCalls } from './types.js';

/** Who calls, by the metadata that the call came with. */
export type Callers = WeakMap<Metadata, unknown>;

export interface AuthorizingOptions {
  readonly authorize: Authorize;
  readonly onError?: (error: unknown, path: string) => void;
}

/**
 * Finds out who calls before a message is read: whoever is not let in makes this process hold none of the 64 MiB that a
 * message may have, and has nothing of it unpacked.
 */
export function authorizing({ authorize, onError }: AuthorizingOptions, callers: Callers): ServerInterceptor {
  return ({ path }, call) => {
    const startedAt = performance.now();
    const refuse = (thrown: unknown) => {
      const error = asPlatformError(thrown);
      if (error.fault === 'us') onError?.(error, path);
      const status = statusOf(error);
      call.sendStatus(status);
      recordCall(path.slice(1), status.code, (performance.now() - startedAt) / 1_000);
    };
    const onReceiveMetadata = (metadata: Metadata, go: (metadata: Metadata) => void) => {
      const letIn = (caller: unknown) => {
        callers.set(metadata, caller);
        go(metadata);
      };
      let caller: unknown;
      try {
        caller = authorize(metadata, path, whoCalls(call));
      } catch (thrown) {
        return refuse(thrown);
      }
      if (caller instanceof Promise) void caller.then(letIn, refuse);
      else letIn(caller);
    };
    // A ServerInterceptingCall would wrap every message of every call for the sake of this one step.
    const start = call.start.bind(call);
    call.start = (listener) =>
      start({
        onReceiveMetadata: (metadata) =>
          onReceiveMetadata(metadata, (known) => listener.onReceiveMetadata(known)),
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
