import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type Fault, PlatformError, type Retry } from '@perennial/kernel';
import { grpcStatusOf } from '../statuses.js';
import { statusWithRetryInfo } from './retry-info.js';

/** The trailer that carries what a status cannot: code, fault, retry and field, as ASCII JSON. */
const trailer = 'perennial-error';

/** HTTP/2 headers are bounded; a longer text is cut. */
const detailsCharactersMax = 8_000;

interface Carried {
  readonly code: string;
  readonly fault: Fault;
  readonly retry: Retry;
  readonly field?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The status that tells a caller about an error: all that is public. */
export function statusOf(error: PlatformError): StatusObject {
  const { code, fault, retry, field, retryAfterMs } = error;
  const metadata = new Metadata();
  const carried: Carried = { code, fault, retry, field, retryAfterMs };
  metadata.set(trailer, asciiJson(carried));
  const grpcCode = grpcStatusOf(error);
  const details = error.message.slice(0, detailsCharactersMax);
  if (retryAfterMs !== undefined) {
    metadata.set('grpc-status-details-bin', statusWithRetryInfo(grpcCode, details, retryAfterMs));
  }
  return { code: grpcCode, details, metadata };
}

/** The error that a caller sees for a status. `peer` is the service that was asked. */
export function errorOf(error: ServiceError, peer: string, wasCancelled: boolean): PlatformError {
  const carried = carriedBy(error);
  const { details } = error;
  if (carried) {
    const { code, fault, retry, field, retryAfterMs } = carried;
    return new PlatformError(code, fault, retry, details, {
      ...(field !== undefined && { field }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }
  const internal = `${peer}: status ${error.code}: ${details}`;
  if (error.code === status.DEADLINE_EXCEEDED) {
    return new PlatformError('DEADLINE_EXCEEDED', 'dependency', 'after', `${peer} did not answer in time`, {
      internal,
    });
  }
  if (wasCancelled) {
    return new PlatformError('CANCELLED', 'caller', 'never', 'the call was cancelled', { internal });
  }
  if (isBroken(error)) {
    const code = `${peer.toUpperCase().replaceAll('-', '_')}_UNAVAILABLE`;
    return new PlatformError(code, 'dependency', 'after', `${peer} cannot be reached; ask again`, {
      internal,
    });
  }
  if (error.code === status.UNIMPLEMENTED) {
    return new PlatformError('UNIMPLEMENTED', 'us', 'never', `${peer} has no such method`, { internal });
  }
  if (error.code === status.INVALID_ARGUMENT || error.code === status.RESOURCE_EXHAUSTED) {
    return new PlatformError('RPC_REFUSED', 'caller', 'never', `${peer} refused the request: ${details}`);
  }
  return new PlatformError('RPC_FAILED', 'us', 'after', `${peer} failed; see the log`, { internal });
}

/** Connections that end while a call runs show themselves in several ways. */
function isBroken({ code, details }: ServiceError): boolean {
  if (code === status.UNAVAILABLE || code === status.CANCELLED) return true;
  return code === status.INTERNAL && /RST_STREAM|GOAWAY|session|ECONNRESET|Call ended/i.test(details);
}

function carriedBy(error: ServiceError): Carried | undefined {
  const [value] = error.metadata?.get(trailer) ?? [];
  if (typeof value !== 'string') return undefined;
  try {
    const carried = JSON.parse(value) as Carried;
    return typeof carried.code === 'string' ? carried : undefined;
  } catch {
    return undefined;
  }
}

/** Header values are ASCII; JSON can say the rest by escapes. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
