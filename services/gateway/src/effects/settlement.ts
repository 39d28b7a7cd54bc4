import type { GetProgressResponse } from '@perennial/contracts';
import { inHand } from '../decide/settled.js';

/** A service that can say where it stands. */
export interface Standing {
  readonly name: string;
  readonly progress: () => Promise<GetProgressResponse>;
}

export interface SettlementOptions {
  readonly services: readonly Standing[];
  /** The last sequence of every stream, as one text: equal texts mean that nothing was published in between. */
  readonly sequences: () => Promise<string>;
  /** Nothing is in hand in this process. */
  readonly isQuietHere: () => boolean;
}

/**
 * Finds out whether anything is in hand anywhere. All services are asked between two looks at the streams: whatever
 * one of them finished while another was asked has left an event on a stream, and the second look sees it.
 */
export class Settlement {
  readonly #options: SettlementOptions;
  /** Who had work at the last look: while it still has, nobody else need be asked. */
  #busy: Standing | undefined;

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  /**
   * The streams' last sequences at which everything was quiet; undefined where something is in hand.
   *
   * @throws PlatformError where a service or the bus does not answer, which says nothing about quiet
   */
  async quietAt(): Promise<string | undefined> {
    const { services, sequences, isQuietHere } = this.#options;
    if (!isQuietHere()) return undefined;
    if (this.#busy) {
      if (inHand(await this.#busy.progress()) > 0) return undefined;
      this.#busy = undefined;
    }
    const before = await sequences();
    const progress = await Promise.all(services.map((service) => service.progress()));
    this.#busy = services.find((_, at) => inHand(progress[at] as GetProgressResponse) > 0);
    if (this.#busy) return undefined;
    return before === (await sequences()) && isQuietHere() ? before : undefined;
  }
}
