import { PlatformError } from '@perennial/kernel';

/** SQLSTATE classes: 08 connection exceptions, 53 out of connections, memory or disk. Appendix A of the manual. */
const transientClasses = new Set(['08', '53']);
/** Shut down, crash of a neighbour, not yet started; serialization failure and deadlock, where somebody else won. */
const transientStates = new Set(['57P01', '57P02', '57P03', '40001', '40P01']);
const transientSystemCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);
/** What pg and its pool say without a code. */
const transientText =
  /connection terminated|timeout exceeded when trying to connect|not queryable|client was closed|connection ended/i;
const causesMax = 5;

/**
 * True where PostgreSQL is away, coming or going, or another transaction won: the same work may succeed in a while,
 * and nobody is at fault. Looks through causes.
 */
export function isTransient(error: unknown): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < causesMax && current instanceof Error; depth++) {
    if (isTransientItself(current)) return true;
    current = current.cause;
  }
  return false;
}

function isTransientItself(error: Error & { code?: unknown }): boolean {
  if (error instanceof PlatformError) return error.code === 'DATABASE_UNAVAILABLE';
  if (error instanceof AggregateError) return error.errors.some(isTransient);
  if (typeof error.code === 'string') {
    if (transientSystemCodes.has(error.code) || transientStates.has(error.code)) return true;
    return error.code.length === 5 && transientClasses.has(error.code.slice(0, 2));
  }
  return transientText.test(error.message);
}

/** True where the transaction lost against another one and may be run again at once. */
export function isLostRace(error: unknown): boolean {
  const code = error instanceof Error ? (error as Error & { code?: unknown }).code : undefined;
  return code === '40001' || code === '40P01';
}
