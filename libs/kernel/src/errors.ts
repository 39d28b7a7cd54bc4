/** Who must act: the caller changes the request, a dependency comes back, or we mend a bug. */
export type Fault = 'caller' | 'dependency' | 'us';
/** Whether the same attempt may succeed later: never (park it), after a while, or at once. */
export type Retry = 'never' | 'after' | 'now';

export interface ErrorOptions {
  /** For logs only; may name internals. Never leaves the process. */
  internal?: string;
  cause?: unknown;
  /** The field that was wrong, as a path in the request or file. */
  field?: string;
  retryAfterMs?: number;
}

/**
 * The one error of the platform. HTTP and gRPC statuses, nak and dead letter are derived from `fault`, `retry` and
 * `code` at the edge, once. `message` is public; `internal` and `cause` reach the log alone.
 */
export class PlatformError extends Error {
  readonly internal: string | undefined;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    /** UPPER_SNAKE, unique, listed in docs/ERRORS.md. */
    readonly code: string,
    readonly fault: Fault,
    readonly retry: Retry,
    message: string,
    options: ErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PlatformError';
    this.internal = options.internal;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The caller sent something wrong; the message names the field and the fix. */
export function invalid(code: string, message: string, options?: ErrorOptions): PlatformError {
  return new PlatformError(code, 'caller', 'never', message, options);
}

/** The thing asked for is not there. Codes end in _NOT_FOUND so that edges answer 404. */
export function notFound(
  code: `${string}_NOT_FOUND`,
  message: string,
  options?: ErrorOptions,
): PlatformError {
  return new PlatformError(code, 'caller', 'never', message, options);
}

/** A dependency cannot answer now; trying again later may work. */
export function unavailable(code: string, message: string, options?: ErrorOptions): PlatformError {
  return new PlatformError(code, 'dependency', 'after', message, options);
}

/** Normalises anything thrown. What we do not know is our fault, and is retried a bounded number of times. */
export function asPlatformError(thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new PlatformError('INTERNAL', 'us', 'after', 'internal error; see the log of the service', {
    internal: text,
    cause: thrown,
  });
}
