import { isName } from '@perennial/contracts';
import { invalid, notFound, PlatformError } from '@perennial/kernel';

/** A key as decisions see it; times in milliseconds. */
export interface ApiKey {
  readonly keyId: string;
  /** Grows by one with every change. */
  readonly epoch: number;
  readonly name: string;
  readonly role: string;
  /** Undefined: everything that the role may. */
  readonly scope: { readonly systems: readonly string[]; readonly sources: readonly string[] } | undefined;
  readonly limits: Limits;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
  readonly former: { readonly sha256: string; readonly until: number } | undefined;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number;
  readonly rotatedAt: number | undefined;
  readonly revokedAt: number | undefined;
}

/** 0 is no limit. */
export interface Limits {
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly rowsPerDay: number;
  readonly requestsAtOnce: number;
}

/** What a new key is made of. */
export type NewApiKey = Pick<
  ApiKey,
  'keyId' | 'name' | 'role' | 'scope' | 'limits' | 'sha256' | 'createdBy' | 'expiresAt'
>;

export const roles: readonly string[] = ['viewer', 'client', 'operator', 'approver', 'auditor', 'admin'];

const dayMs = 86_400_000;
/** The bus keeps a key's last word for a year: a key must end before whoever starts anew cannot hear of it. */
const lifetimeDaysMax = 360;
const namesMax = 1_000;
/** Long enough to bring a new secret everywhere, short enough to end one that got about. */
const graceMsMax = 30 * dayMs;

/** @throws PlatformError API_KEY_INVALID, naming the field */
export function createKey(asked: NewApiKey, now: number): ApiKey {
  const { keyId, name, role, scope, limits, sha256 } = asked;
  if (!/^[0-9a-f]{16}$/.test(keyId)) throw wrong('key_id', 'must be 16 hexadecimal digits');
  checkHash(sha256);
  if (!isName(name))
    throw wrong(
      'name',
      'must be 1 to 64 characters of a-z, 0-9, "-" and "_", beginning with a letter or digit',
    );
  if (!roles.includes(role)) throw wrong('role', `must be one of ${roles.join(', ')}`);
  checkScope(scope);
  checkLimits(limits);
  return {
    ...asked,
    epoch: 1,
    former: undefined,
    createdAt: now,
    expiresAt: checkEnd(asked.expiresAt, now),
    rotatedAt: undefined,
    revokedAt: undefined,
  };
}

/**
 * Another secret. The one before opens the key for the grace, a still older one no more.
 *
 * @throws PlatformError API_KEY_INVALID, API_KEY_REVOKED_CONFLICT
 */
export function rotateKey(
  key: ApiKey,
  asked: { readonly sha256: string; readonly graceMs: number; readonly expiresAt: number | undefined },
  now: number,
): ApiKey {
  if (key.revokedAt !== undefined)
    throw conflictError(
      'API_KEY_REVOKED_CONFLICT',
      `the key "${key.name}" was revoked; make a new one`,
      'key_id',
    );
  checkHash(asked.sha256);
  if (asked.sha256 === key.sha256) throw wrong('sha256', 'must be that of a new secret');
  if (asked.graceMs > graceMsMax)
    throw wrong('grace_seconds', `must be at most ${graceMsMax / 1_000} (30 days)`);
  return {
    ...key,
    epoch: key.epoch + 1,
    sha256: asked.sha256,
    former: asked.graceMs > 0 ? { sha256: key.sha256, until: now + asked.graceMs } : undefined,
    expiresAt: checkEnd(asked.expiresAt ?? key.expiresAt, now),
    rotatedAt: now,
  };
}

/** The same key where it was revoked before. */
export function revokeKey(key: ApiKey, now: number): ApiKey {
  if (key.revokedAt !== undefined) return key;
  return { ...key, epoch: key.epoch + 1, former: undefined, revokedAt: now };
}

export function unknownKey(keyId: string): PlatformError {
  return notFound('API_KEY_NOT_FOUND', `there is no API key ${JSON.stringify(keyId.slice(0, 40))}`, {
    field: 'key_id',
  });
}

export function conflictError(code: string, message: string, field: string): PlatformError {
  return new PlatformError(code, 'caller', 'never', message, { field });
}

function checkHash(sha256: string): void {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw wrong('sha256', 'must be 64 hexadecimal digits');
}

function checkScope(scope: ApiKey['scope']): void {
  for (const [field, names] of Object.entries(scope ?? {})) {
    if (names.length > namesMax) throw wrong(`scope.${field}`, `must have at most ${namesMax} names`);
    for (const name of names) {
      if (!isName(name))
        throw wrong(`scope.${field}`, `must be names, got ${JSON.stringify(name.slice(0, 80))}`);
    }
  }
}

function checkLimits(limits: Limits): void {
  const { requestsPerSecond, burst, rowsPerDay } = limits;
  if (!(requestsPerSecond >= 0 && requestsPerSecond <= 1_000_000))
    throw wrong('limits.requests_per_second', 'must be 0 (no limit) to 1000000');
  if (burst > 0 && requestsPerSecond === 0)
    throw wrong('limits.burst', 'means nothing without limits.requests_per_second');
  if (!Number.isSafeInteger(rowsPerDay))
    throw wrong('limits.rows_per_day', `must be at most ${Number.MAX_SAFE_INTEGER}`);
}

function checkEnd(expiresAt: number, now: number): number {
  if (expiresAt > now && expiresAt <= now + lifetimeDaysMax * dayMs) return expiresAt;
  throw wrong('expires_at', `must lie ahead, at most ${lifetimeDaysMax} days; rotate a key before it ends`);
}

function wrong(field: string, message: string): PlatformError {
  return invalid('API_KEY_INVALID', `${field} ${message}`, { field });
}
