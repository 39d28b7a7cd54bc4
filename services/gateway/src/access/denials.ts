import type { Log } from '@perennial/bus';
import type { Clock } from '@perennial/kernel';
import type { Meter } from '@perennial/service';
import { type Bucket, take } from '../decide/token-bucket.js';
import type { Denied } from '../http/front.js';

/** Somebody who was turned away. Nothing of what they showed is in here. */
export interface Denial {
  readonly door: 'http' | 'grpc';
  readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN';
  /** Path of HTTP without its query, or of gRPC. */
  readonly path: string;
  readonly method?: string | undefined;
  /** The name, where it is known. */
  readonly caller?: string | undefined;
  readonly remote: string | undefined;
}

/** Lines of the log: whoever tries tokens by the thousand is counted, and written down this often at most. */
const lines = { perSecond: 5, burst: 50 };
const pathCharactersMax = 200;

/** Counts and logs denied attempts. */
export class Denials {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #counter: ReturnType<Meter['createCounter']>;
  #bucket: Bucket | undefined;
  #unsaid = 0;

  constructor({ log, clock, meter }: { log: Log; clock: Clock; meter: Meter }) {
    this.#log = log;
    this.#clock = clock;
    this.#counter = meter.createCounter('perennial_gateway_denied', {
      description: 'Requests that were turned away, by door and reason (UNAUTHENTICATED, FORBIDDEN).',
    });
  }

  /** As the HTTP door tells it. */
  addHttp({ status, ...denied }: Denied): void {
    this.add({ door: 'http', code: status === 401 ? 'UNAUTHENTICATED' : 'FORBIDDEN', ...denied });
  }

  add({ door, code, path, ...more }: Denial): void {
    this.#counter.add(1, { door, code });
    const { bucket, waitMs } = take(this.#bucket, lines, this.#clock.now());
    this.#bucket = bucket;
    if (waitMs > 0) {
      this.#unsaid += 1;
      return;
    }
    this.#log.warn('somebody was turned away', {
      door,
      code,
      path: path.slice(0, pathCharactersMax),
      ...more,
      ...(this.#unsaid > 0 && { unsaid: this.#unsaid }),
    });
    this.#unsaid = 0;
  }
}
