import { createHash } from 'node:crypto';
import { invalid, type PlatformError } from '@perennial/kernel';
import type { Tensor } from './tensor/tensor.js';

/** How long a request is refused that ended two executors: long enough for a caller that tries again by itself to give up. */
const quarantineMs = 600_000;
/** Requests that are remembered for one model; more of them are the model's fault. */
const requestsMax = 1_000;

/** Requests that end executors, by their content. Empty, it costs nothing. */
export class Quarantine {
  readonly #until = new Map<string, number>();

  add(inputs: readonly Tensor[], now: number): void {
    if (this.#until.size >= requestsMax) this.#until.clear();
    this.#until.set(hashOf(inputs), now + quarantineMs);
  }

  /** Why this request is refused, or undefined. */
  refusal(inputs: readonly Tensor[], now: number): PlatformError | undefined {
    if (this.#until.size === 0) return undefined;
    const hash = hashOf(inputs);
    const until = this.#until.get(hash);
    if (until === undefined) return undefined;
    if (until > now)
      return invalid(
        'REQUEST_QUARANTINED',
        `this very request ended the model's executor twice; it is not tried again for ${Math.ceil((until - now) / 1000)} s. ` +
          'Send other values, or have the model mended',
      );
    this.#until.delete(hash);
    return undefined;
  }
}

function hashOf(inputs: readonly Tensor[]): string {
  const hash = createHash('sha256');
  for (const { name, datatype, shape, data } of inputs) {
    hash.update(JSON.stringify([name, datatype, shape]));
    if (Array.isArray(data)) hash.update(JSON.stringify(data));
    else hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('base64');
}
