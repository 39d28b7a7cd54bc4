import type { Digest } from '@perennial/kernel';
import { runtimeLimits } from '../limits.js';
import type { Model } from '../model.js';
import type { LoadOptions } from '../types.js';
import { LoadFailures } from './load-failures.js';
import { Entry, Memory } from './memory.js';

/** Where a model stands: `absent` also where it is on disk only, `failed` with why. */
export type ModelState = 'absent' | 'loading' | 'resident' | 'draining' | 'failed';

export interface ModelStoreOptions {
  readonly budgetBytes: number;
  /** The bytes, verified and proven; many at a time. */
  readonly fetch: (digest: Digest) => Promise<Uint8Array>;
  /** Opens the sessions; one model at a time. */
  readonly open: (digest: Digest, bytes: Uint8Array, options: LoadOptions) => Promise<Model>;
  readonly release: (digest: Digest, model: Model | undefined) => Promise<void>;
}

/**
 * Models by digest within a memory budget. Each is loaded once however many ask, by measured memory, and what is worth
 * least goes to make room for it.
 */
export class ModelStore {
  readonly #o: ModelStoreOptions;
  readonly #memory: Memory;
  readonly #resident = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<Entry>>();
  readonly #draining = new Map<string, Entry>();
  readonly #failures = new LoadFailures();
  readonly #pinnedAtLoad = new Set<string>();
  #pinned: ReadonlySet<string> = new Set();
  /** What models took when they were last loaded. */
  readonly #measured = new Map<string, number>();
  #lastLoad: Promise<unknown> = Promise.resolve();

  constructor(options: ModelStoreOptions) {
    this.#o = options;
    this.#memory = new Memory({
      budgetBytes: options.budgetBytes,
      isPinned: (digest) => this.isPinned(digest),
      release: async (entry) => {
        await options.release(entry.digest as Digest, entry.model);
        if (this.#draining.get(entry.digest) === entry) this.#draining.delete(entry.digest);
      },
    });
  }

  get models(): Model[] {
    return [...this.#resident.values(), ...this.#draining.values()].flatMap(({ model }) => model ?? []);
  }

  get usedBytes(): number {
    return this.#memory.usedBytes;
  }

  /** Models that had to go for others, so far. */
  get evictions(): number {
    return this.#memory.evictions;
  }

  isPinned(digest: string): boolean {
    return this.#pinned.has(digest) || this.#pinnedAtLoad.has(digest);
  }

  pin(digests: Iterable<string>): void {
    this.#pinned = new Set(digests);
  }

  state(digest: string): { state: ModelState; reason: string } {
    if (this.#resident.has(digest)) return { state: 'resident', reason: '' };
    if (this.#loading.has(digest)) return { state: 'loading', reason: '' };
    if (this.#draining.has(digest)) return { state: 'draining', reason: '' };
    const failure = this.#failures.of(digest, performance.now());
    return failure ? { state: 'failed', reason: failure.message } : { state: 'absent', reason: '' };
  }

  /** The model if it is in memory; it counts as used. */
  used(digest: string): Model | undefined {
    const entry = this.#resident.get(digest);
    if (!entry) return undefined;
    this.#memory.touch(entry);
    return entry.model;
  }

  /**
   * Runs `use` with the model, which stays for as long as that takes; loads it first where needed.
   *
   * @throws PlatformError as ModelStoreOptions.fetch and open; what failed before by the file's fault at once
   */
  async with<T>(digest: Digest, options: LoadOptions, use: (model: Model) => Promise<T>): Promise<T> {
    const failure = this.#failures.of(digest, performance.now());
    if (failure) throw failure;
    const entry = await this.#entry(digest, options);
    try {
      return await use(entry.model as Model);
    } finally {
      entry.holds -= 1;
      entry.model?.checkIdle();
    }
  }

  /** Loads it, also where it failed before. */
  async load(digest: Digest, options: LoadOptions): Promise<Model> {
    this.#failures.forget(digest);
    if (options.pinned === true) this.#pinnedAtLoad.add(digest);
    if (options.pinned === false) this.#pinnedAtLoad.delete(digest);
    const entry = await this.#entry(digest, options);
    entry.holds -= 1;
    entry.model?.checkIdle();
    return entry.model as Model;
  }

  /** Lets it finish what it has in hand and gives its memory back; false where it is not loaded. */
  async unload(digest: string): Promise<boolean> {
    const entry = this.#resident.get(digest);
    if (!entry) return false;
    this.#pinnedAtLoad.delete(digest);
    await this.#memory.drain(this.#leaving(entry));
    return true;
  }

  /** Held once for the caller. */
  async #entry(digest: Digest, options: LoadOptions): Promise<Entry> {
    for (;;) {
      const resident = this.#resident.get(digest);
      if (resident) {
        resident.holds += 1;
        this.#memory.touch(resident);
        return resident;
      }
      await this.#draining.get(digest)?.drained;
      let loading = this.#loading.get(digest);
      if (!loading) {
        loading = this.#load(digest, options).finally(() => this.#loading.delete(digest));
        this.#loading.set(digest, loading);
      }
      const entry = await loading;
      // Between the load and now it may have had to go again.
      if (entry.state !== 'resident') continue;
      entry.holds += 1;
      return entry;
    }
  }

  async #load(digest: Digest, options: LoadOptions): Promise<Entry> {
    try {
      const bytes = await this.#o.fetch(digest);
      return await this.#oneAtATime(() => this.#open(digest, bytes, options));
    } catch (error) {
      this.#failures.failed(digest, error, performance.now());
      throw error;
    }
  }

  async #open(digest: Digest, bytes: Uint8Array, options: LoadOptions): Promise<Entry> {
    const expected = this.#measured.get(digest) ?? Math.max(bytes.byteLength, runtimeLimits.sessionBytesMin);
    const entry = new Entry(digest, 0);
    const mayEvict = options.onlyIfRoom !== true;
    await this.#makeRoom(expected, entry, mayEvict);
    entry.bytes = expected;
    this.#memory.add(entry);
    try {
      const model = await this.#o.open(digest, bytes, options);
      entry.model = model;
      entry.bytes = model.shape.memoryBytes;
      entry.loadMs = model.loadMs;
      this.#measured.set(digest, entry.bytes);
      await this.#makeRoom(0, entry, mayEvict);
    } catch (error) {
      await this.#o.release(digest, entry.model);
      this.#memory.delete(entry);
      throw error;
    }
    entry.state = 'resident';
    this.#resident.set(digest, entry);
    return entry;
  }

  async #makeRoom(bytes: number, entry: Entry, mayEvict: boolean): Promise<void> {
    await this.#memory.makeRoom(bytes, { for: entry, mayEvict, leaving: (victim) => this.#leaving(victim) });
  }

  #leaving(entry: Entry): Entry {
    if (this.#resident.get(entry.digest) === entry) {
      this.#resident.delete(entry.digest);
      this.#draining.set(entry.digest, entry);
    }
    return entry;
  }

  #oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastLoad.then(work);
    this.#lastLoad = done.catch(() => undefined);
    return done;
  }
}
