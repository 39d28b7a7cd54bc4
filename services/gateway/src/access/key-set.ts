import type { Clock } from '@perennial/kernel';
import type { JSONWebKeySet } from 'jose';
import { fetchJson } from './fetch-json.js';
import { accessLimits } from './limits.js';

const { oidcKeysFreshMs, oidcKeysStaleMsMax, oidcRefreshMsMin } = accessLimits;

export interface KeySetOptions {
  readonly issuer: string;
  /** Undefined: as the issuer's discovery document says. */
  readonly jwksUrl: string | undefined;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/**
 * The identity provider's public keys: fetched when they are first needed, renewed behind the requests, and at once for a
 * key nobody has seen, but never more often than every `oidcRefreshMsMin`, whatever tokens come. While the provider is
 * away the keys that are known go on to count for a day.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  #keys: { readonly set: JSONWebKeySet; readonly fetchedAt: number } | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #onChanged: () => void = () => {};

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  onChanged(listener: () => void): void {
    this.#onChanged = listener;
  }

  /** Undefined: none can be had at the moment. */
  async current(): Promise<JSONWebKeySet | undefined> {
    const age = this.#options.clock.now() - (this.#keys?.fetchedAt ?? Number.NEGATIVE_INFINITY);
    if (age > oidcKeysFreshMs) {
      const renewed = this.renew();
      if (!this.#keys || age > oidcKeysStaleMsMax) await renewed;
    }
    const { now } = this.#options.clock;
    return this.#keys && now() - this.#keys.fetchedAt <= oidcKeysStaleMsMax ? this.#keys.set : undefined;
  }

  /** Asks the provider, unless it was asked a moment ago. Never rejects. */
  async renew(): Promise<void> {
    const now = this.#options.clock.now();
    if (!this.#fetching) {
      if (now - this.#triedAt < oidcRefreshMsMin) return;
      this.#triedAt = now;
      this.#fetching = this.#fetch()
        .catch(this.#options.onError)
        .finally(() => {
          this.#fetching = undefined;
        });
    }
    await this.#fetching;
  }

  async #fetch(): Promise<void> {
    const set = (await fetchJson(this.#options.jwksUrl ?? (await this.#discovered()))) as JSONWebKeySet;
    if (!Array.isArray(set?.keys)) throw new Error('the key set has no list "keys"');
    const isSame = JSON.stringify(set) === JSON.stringify(this.#keys?.set);
    this.#keys = { set, fetchedAt: this.#options.clock.now() };
    if (!isSame) this.#onChanged();
  }

  async #discovered(): Promise<string> {
    const { issuer } = this.#options;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const found = (await fetchJson(url)) as { issuer?: unknown; jwks_uri?: unknown };
    if (found?.issuer !== issuer) throw new Error(`the discovery document of ${issuer} is another issuer's`);
    if (typeof found.jwks_uri !== 'string')
      throw new Error(`the discovery document of ${issuer} has no jwks_uri`);
    return found.jwks_uri;
  }
}
