import type { Tensor } from '@perennial/runtime';
import type { Inferred } from '../inference.js';

interface Kept {
  readonly inferred: Inferred;
  readonly bytes: number;
  readonly expiresAt: number;
}

/** What an entry takes beside its tensors' elements: keys, shapes and objects. */
const entryBytes = 512;

/** Answers by key, the least recently used first to go: by each deployment's own bound, and by bytes over all. */
export class AnswerStore {
  readonly #bytesMax: number;
  /** Each in the order of use, the oldest first. */
  readonly #byDeployment = new Map<string, Map<string, Kept>>();
  #bytes = 0;
  #entries = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  get(deployment: string, key: string, now: number): Inferred | undefined {
    const own = this.#byDeployment.get(deployment);
    const kept = own?.get(key);
    if (!own || !kept) return undefined;
    if (kept.expiresAt <= now) {
      this.#drop(own, key, kept);
      return undefined;
    }
    own.delete(key);
    own.set(key, kept);
    return kept.inferred;
  }

  put(
    deployment: string,
    key: string,
    inferred: Inferred,
    { expiresAt, entriesMax }: { expiresAt: number; entriesMax: number },
  ): void {
    const bytes = entryBytes + bytesOf(inferred.outputs);
    // One answer that would push out a good part of all others is not worth it.
    if (bytes > this.#bytesMax / 16) return;
    const own = this.#byDeployment.get(deployment) ?? new Map<string, Kept>();
    this.#byDeployment.set(deployment, own);
    const before = own.get(key);
    if (before) this.#drop(own, key, before);
    own.set(key, { inferred, bytes, expiresAt });
    this.#bytes += bytes;
    this.#entries += 1;
    while (own.size > entriesMax) this.#dropOldest(own);
    // Whoever fills the store makes room first.
    while (this.#bytes > this.#bytesMax && own.size > 1) this.#dropOldest(own);
    for (const other of this.#byDeployment.values()) {
      while (this.#bytes > this.#bytesMax && other !== own && other.size > 0) this.#dropOldest(other);
    }
  }

  #dropOldest(own: Map<string, Kept>): void {
    const [oldest] = own;
    if (oldest) this.#drop(own, oldest[0], oldest[1]);
  }

  #drop(own: Map<string, Kept>, key: string, { bytes }: Kept): void {
    own.delete(key);
    this.#bytes -= bytes;
    this.#entries -= 1;
  }
}

function bytesOf(tensors: readonly Tensor[]): number {
  let bytes = 0;
  for (const { data } of tensors) {
    if (Array.isArray(data)) for (const text of data) bytes += 32 + 2 * text.length;
    else bytes += data.byteLength;
  }
  return bytes;
}
