import type { ServeError } from '@perennial/contracts';
import { type Fault, PlatformError, type Retry } from '@perennial/kernel';

/** A replica does not try a file again for this long that it could not load. */
const fileRetryAfterMs = 30_000;

/**
 * What a replica said of a request, as its client is told. What is wrong with the model's file is the fault of whoever
 * brought it, and not of who asks: not available, and the same on every replica. A replica that says nothing of fault
 * and retry is of an older build; what it refused may be asked again.
 */
export function replicaError(said: Omit<ServeError, '$typeName' | '$unknown'>): PlatformError {
  const { code, message, field } = said;
  const fault = (said.fault || 'dependency') as Fault;
  const retry = (said.retry || 'after') as Retry;
  if (isOfTheFile(code, fault)) {
    const text = `the model that is deployed cannot be run: ${message}`;
    const retryAfterMs = said.retryAfterMs || fileRetryAfterMs;
    return new PlatformError(code, 'dependency', retry, text, { retryAfterMs });
  }
  return new PlatformError(code, fault, retry, message, {
    ...(field !== '' && { field }),
    ...(said.retryAfterMs > 0 && { retryAfterMs: said.retryAfterMs }),
  });
}

function isOfTheFile(code: string, fault: Fault): boolean {
  return fault === 'caller' && /^(MODEL|ARTIFACT)_/.test(code) && code !== 'MODEL_RUN_FAILED';
}

/**
 * Whether no other replica need be asked: it would say the same, or there is no time. What has no room on one may have
 * it on one other; more of them would only carry the load around.
 */
export function isFinal({ code, fault, retry }: PlatformError, isAskedAgain: boolean): boolean {
  if (fault === 'caller' || retry === 'never' || code === 'DEADLINE_EXCEEDED') return true;
  return code.endsWith('_EXHAUSTED') && isAskedAgain;
}

/** Errors that say something about the replica: not those of a request, a model, a full queue, or an orderly end. */
export function isIllness(code: string): boolean {
  return !/^(INPUT_|TENSOR_|REQUEST_|MODEL_|ARTIFACT_(NOT_FOUND|CORRUPT)$|EXECUTOR_(CRASHED|STUCK)$|QUEUE_|DEADLINE_|CANCELLED|REPLICA_DRAINING)/.test(
    code,
  );
}
