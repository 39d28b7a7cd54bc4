import type { PeerCertificate } from 'node:tls';
import { type Clock, invalid, type PlatformError, sha256, unavailable } from '@perennial/kernel';
import type { Caller } from '../decide/access.js';
import { certificateNames } from '../decide/certificate-names.js';
import { type Token, tokenOf, tokenWith } from '../decide/tokens-file.js';
import { KeyRing } from './key-ring.js';
import { accessLimits } from './limits.js';
import { keyPrefix } from './new-key.js';
import { isJwt, type TokenVerifier } from './token-verifier.js';

export interface AccessOptions {
  readonly tenant: string;
  readonly tokens: readonly Token[];
  /** Where people log in with an identity provider. */
  readonly verifier: TokenVerifier | undefined;
  readonly clock: Clock;
}

interface Known {
  readonly caller: Caller;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Gives the certificate that a client showed, where it had to show one. */
export type ShownCertificate = () => PeerCertificate | undefined;

/** Says who asks: by a token of the tokens file, an API key, a token of the identity provider, or a certificate. */
export class Access {
  readonly ring: KeyRing;
  readonly #options: AccessOptions;
  /**
   * Header to caller: a request costs one look. An entry's key is a secret, which is in this process's memory anyhow; the
   * map compares texts only where a seeded hash is the same, so that its time tells nothing of a secret.
   */
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<() => void>();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.ring = new KeyRing(options.tenant, options.clock, () => this.#forget());
    options.verifier?.onKeysChanged(() => this.#forget());
  }

  /** Tells `listener` when somebody who was known may be known no more, other than by the time. */
  onChanged(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Names that the tokens file gives; no key may have one of them. */
  get fileNames(): ReadonlySet<string> {
    return new Set(this.#options.tokens.map(({ name }) => name));
  }

  /**
   * The caller, at once wherever that is possible: a promise only where the identity provider's signature has to be
   * checked.
   *
   * @throws PlatformError UNAUTHENTICATED, ACCESS_UNAVAILABLE, OIDC_UNAVAILABLE, FORBIDDEN
   */
  callerOf(authorization: string | undefined, shown?: ShownCertificate): Caller | Promise<Caller> {
    if (authorization === undefined) return this.#byCertificate(shown);
    const known = this.#known.get(authorization);
    if (known !== undefined) {
      if (known.until > this.#options.clock.now()) return known.caller;
      this.#known.delete(authorization);
    }
    return this.#find(authorization);
  }

  #find(authorization: string): Caller | Promise<Caller> {
    const { tokens, tenant, verifier, clock } = this.#options;
    const text = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (text === undefined) throw unknown();
    const digest = sha256(text);
    const inFile = tokenWith(tokens, tenant, digest);
    if (inFile) return this.#remember(authorization, { caller: inFile, until: Number.POSITIVE_INFINITY });
    if (text.startsWith(keyPrefix)) {
      const now = clock.now();
      const found = this.ring.find(Buffer.from(digest).toString('hex'), now);
      if (found) return this.#remember(authorization, found);
      throw this.ring.isCaughtUp ? unknown() : notYet();
    }
    if (!verifier || !isJwt(text)) throw unknown();
    return verifier.verify(text).then((found) => this.#remember(authorization, found));
  }

  #byCertificate(shown: ShownCertificate | undefined): Caller {
    const certificate = shown?.();
    const { tokens, tenant } = this.#options;
    const caller = certificate && tokenOf(tokens, tenant, certificateNames(certificate));
    if (caller) return caller;
    throw unknown();
  }

  #forget(): void {
    this.#known.clear();
    for (const listener of this.#listeners) listener();
  }

  #remember(authorization: string, known: Known): Caller {
    // One key can be written with any number of spaces: each of its spellings would be kept.
    if (authorization.startsWith('  ', 'Bearer'.length)) return known.caller;
    if (this.#known.size >= accessLimits.knownCallersMax) {
      const oldest = this.#known.keys().next().value;
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(authorization, known);
    return known.caller;
  }
}

/** The same words for everything that opens nothing: no token, a wrong one, one that ended, another tenant's. */
function unknown(): PlatformError {
  return invalid(
    'UNAUTHENTICATED',
    'send the header "authorization: Bearer <token>" with an API key or token that is valid here; the first token of a platform is in .perennial/client.json',
  );
}

function notYet(): PlatformError {
  return unavailable(
    'ACCESS_UNAVAILABLE',
    'the gateway is starting and has not heard yet which API keys there are; ask again',
    { retryAfterMs: 1_000 },
  );
}
