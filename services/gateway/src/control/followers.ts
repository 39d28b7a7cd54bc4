import { PlatformError } from '@perennial/kernel';
import type { Caller } from '../decide/access.js';
import { gatewayLimits } from '../limits.js';

/** Counts who follows something for as long as a connection lasts: each holds memory, and looks again and again. */
export class Followers {
  readonly #byName = new Map<string, number>();
  #count = 0;

  /**
   * What is returned ends it, once.
   *
   * @throws PlatformError FOLLOWERS_EXHAUSTED
   */
  begin({ name }: Caller): () => void {
    const { followersMax, followersOfOneMax } = gatewayLimits;
    const mine = this.#byName.get(name) ?? 0;
    if (mine >= followersOfOneMax)
      throw exhausted(`"${name}" follows ${mine} things at a time, which is the most; end one of them`);
    if (this.#count >= followersMax)
      throw exhausted(`${this.#count} followers are connected, which is the most; come again later`);
    this.#byName.set(name, mine + 1);
    this.#count += 1;
    return () => this.#end(name);
  }

  #end(name: string): void {
    const left = (this.#byName.get(name) ?? 1) - 1;
    if (left > 0) this.#byName.set(name, left);
    else this.#byName.delete(name);
    this.#count -= 1;
  }
}

function exhausted(message: string): PlatformError {
  return new PlatformError('FOLLOWERS_EXHAUSTED', 'caller', 'after', message, { retryAfterMs: 5_000 });
}
