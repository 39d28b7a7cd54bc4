import { PlatformError } from '@perennial/kernel';
import { type Resident, victimsFor } from '../decide/paging.js';
import type { Model } from '../model.js';

/** A model in memory, or on its way in or out: its bytes count until they are free. */
export class Entry implements Resident {
  readonly digest: string;
  state: 'loading' | 'resident' | 'draining' = 'loading';
  bytes: number;
  loadMs = 1;
  uses = 0;
  clock = 0;
  usedAt = performance.now();
  model: Model | undefined;
  /** Requests that found it and are not in its queue yet. */
  holds = 0;
  /** Settled when its bytes are free again. */
  drained: Promise<void> | undefined;

  constructor(digest: string, bytes: number) {
    this.digest = digest;
    this.bytes = bytes;
  }

  get isIdle(): boolean {
    return this.holds === 0 && (this.model?.inHand ?? 0) === 0;
  }
}

export interface MemoryOptions {
  readonly budgetBytes: number;
  readonly isPinned: (digest: string) => boolean;
  /** Gives the sessions back; the model has nothing in hand. */
  readonly release: (entry: Entry) => Promise<void>;
}

export interface RoomFor {
  readonly for: Entry;
  /** Otherwise only what is free already may be taken. */
  readonly mayEvict: boolean;
  /** Told of each that goes, before it does. */
  readonly leaving: (victim: Entry) => Entry;
}

/** The memory budget: what counts against it, and who goes to make room. */
export class Memory {
  readonly #o: MemoryOptions;
  readonly #entries = new Set<Entry>();
  #clock = 0;
  /** Models that had to go for others. */
  evictions = 0;

  constructor(options: MemoryOptions) {
    this.#o = options;
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const entry of this.#entries) bytes += entry.bytes;
    return bytes;
  }

  add(entry: Entry): void {
    this.touch(entry);
    this.#entries.add(entry);
  }

  delete(entry: Entry): void {
    this.#entries.delete(entry);
  }

  touch(entry: Entry): void {
    entry.uses += 1;
    entry.clock = this.#clock;
    entry.usedAt = performance.now();
  }

  /**
   * Makes room for `bytes` more: models that nobody waits for go first; where they are not enough, others are let
   * finish what they have in hand. Never more of them than are needed.
   *
   * @throws PlatformError MODEL_MEMORY_EXHAUSTED
   */
  async makeRoom(bytes: number, o: RoomFor): Promise<void> {
    for (;;) {
      const missing = this.usedBytes + bytes - this.#o.budgetBytes;
      if (missing <= 0) return;
      const draining = [...this.#entries].filter(({ state }) => state === 'draining');
      const leaving = draining.reduce((sum, entry) => sum + entry.bytes, 0);
      if (missing > leaving) {
        const chosen = o.mayEvict ? this.#choose(missing - leaving, o.for) : undefined;
        if (!chosen) throw this.#exhausted(bytes + o.for.bytes);
        this.#clock = Math.max(this.#clock, chosen.clock);
        this.evictions += chosen.victims.length;
        for (const victim of chosen.victims) void this.drain(o.leaving(victim));
        draining.push(...chosen.victims);
      }
      await Promise.race(draining.map(({ drained }) => drained));
    }
  }

  /** Takes no new requests, finishes what it has in hand, and gives its memory back. */
  drain(entry: Entry): Promise<void> {
    entry.drained ??= this.#drain(entry);
    return entry.drained;
  }

  async #drain(entry: Entry): Promise<void> {
    entry.state = 'draining';
    while (!entry.isIdle) await entry.model?.settled();
    await this.#o.release(entry);
    this.#entries.delete(entry);
  }

  #choose(bytes: number, newest: Entry) {
    const mayGo = [...this.#entries].filter(
      (entry) => entry !== newest && entry.state === 'resident' && !this.#o.isPinned(entry.digest),
    );
    const idle = mayGo.filter(({ isIdle }) => isIdle);
    return victimsFor(idle, bytes) ?? victimsFor(mayGo, bytes);
  }

  #exhausted(bytes: number): PlatformError {
    return new PlatformError(
      'MODEL_MEMORY_EXHAUSTED',
      'dependency',
      'after',
      `the model takes ${bytes} bytes, more than is left of the budget of ${this.#o.budgetBytes} beside what is pinned; ` +
        'raise the memory budget of inference or retire a deployment',
    );
  }
}
