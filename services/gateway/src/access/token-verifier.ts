import { type Clock, invalid, type PlatformError, unavailable } from '@perennial/kernel';
import type { createLocalJWKSet, JSONWebKeySet, JWTPayload } from 'jose';
import type { Caller } from '../decide/access.js';
import { type ClaimNames, callerFromClaims } from '../decide/token-claims.js';
import { KeySet, type KeySetOptions } from './key-set.js';
import { accessLimits } from './limits.js';

export interface TokenVerifierOptions extends KeySetOptions {
  readonly audience: string;
  readonly claims: ClaimNames;
  readonly tenant: string;
  readonly clock: Clock;
}

type LocalKeys = ReturnType<typeof createLocalJWKSet>;

/** Signatures with a private key alone: neither none nor HS*, for which a public key would do. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Three parts of base64url: worth a look. */
export function isJwt(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/** Checks tokens of one issuer for one audience. Keys come from the issuer alone, never from where a token points. */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #keys: KeySet;
  #resolver: { readonly set: JSONWebKeySet; readonly key: LocalKeys } | undefined;
  // Loaded when the first token comes: most platforms have none.
  #jose: Promise<typeof import('jose')> | undefined;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#keys = new KeySet(options);
  }

  /** What was concluded from the keys before may be wrong now. */
  onKeysChanged(listener: () => void): void {
    this.#keys.onChanged(listener);
  }

  /** @throws PlatformError UNAUTHENTICATED, FORBIDDEN, OIDC_UNAVAILABLE */
  async verify(token: string): Promise<{ caller: Caller; until: number }> {
    const { claims, tenant } = this.#options;
    const payload = await this.#payload(token);
    const caller = callerFromClaims(payload, claims, tenant);
    return { caller, until: (payload.exp ?? 0) * 1_000 };
  }

  async #payload(token: string): Promise<JWTPayload> {
    const { errors } = await this.#library();
    try {
      return await this.#checked(token);
    } catch (thrown) {
      if (!(thrown instanceof errors.JWKSNoMatchingKey)) throw thrown;
      // Perhaps a key that the provider has begun to use.
      await this.#keys.renew();
    }
    try {
      return await this.#checked(token);
    } catch (thrown) {
      if (thrown instanceof errors.JWKSNoMatchingKey) throw refused(thrown);
      throw thrown;
    }
  }

  async #checked(token: string): Promise<JWTPayload> {
    const { createLocalJWKSet, jwtVerify, errors } = await this.#library();
    const set = await this.#keys.current();
    if (!set) {
      throw unavailable(
        'OIDC_UNAVAILABLE',
        'the identity provider does not answer, so that no token of it can be checked; ask again',
        { retryAfterMs: accessLimits.oidcRefreshMsMin },
      );
    }
    // It keeps the keys that it has imported.
    if (this.#resolver?.set !== set) this.#resolver = { set, key: createLocalJWKSet(set) };
    const { issuer, audience, clock } = this.#options;
    try {
      const { payload } = await jwtVerify(token, this.#resolver.key, {
        issuer,
        audience,
        algorithms,
        requiredClaims: ['exp'],
        clockTolerance: accessLimits.oidcClockToleranceMs / 1_000,
        currentDate: new Date(clock.now()),
      });
      return payload;
    } catch (thrown) {
      if (thrown instanceof errors.JWKSNoMatchingKey) throw thrown;
      if (thrown instanceof errors.JWTExpired) throw refused(thrown, 'the token has expired; get a new one');
      throw refused(thrown);
    }
  }

  #library(): Promise<typeof import('jose')> {
    this.#jose ??= import('jose');
    return this.#jose;
  }
}

/** Why is for the log: whoever tries tokens learns nothing. */
function refused(cause: unknown, message = 'the token is not valid here'): PlatformError {
  const { code = 'unreadable' } = cause as { code?: string };
  return invalid('UNAUTHENTICATED', message, { internal: `token refused: ${code}` });
}
