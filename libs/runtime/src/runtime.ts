import { type Digest, digestOf, invalid, unavailable } from '@perennial/kernel';
import type { Executor } from './executor.js';
import { Executors } from './executors.js';
import { runtimeLimits } from './limits.js';
import { Model } from './model.js';
import type { ModelStatistics } from './model-counts.js';
import type { Tensor } from './tensor/tensor.js';
import type { Answer, InferOptions, LoadedModel, LoadOptions } from './types.js';

export interface RuntimeOptions {
  /** The model file; the runtime verifies its digest again. */
  readonly fetch: (digest: Digest) => Promise<Uint8Array>;
  /** Threads that run models, each with sessions of its own; "inline" runs them on the calling thread. */
  readonly executors: number | 'inline';
  /** Threads that one run may use. */
  readonly threads: number;
  readonly memoryBudgetBytes: number;
  /** Told when an executor ended by itself; a new one takes its place. */
  readonly onExecutorExit?: (reason: string) => void;
}

/**
 * Models by digest: fetched and verified when first asked for, run in batches off this thread, unloaded least
 * recently used first when the memory budget is passed. Pinned models and those with work in hand stay.
 */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #executors: Executors;
  readonly #models = new Map<Digest, Model>();
  readonly #held = { bytes: 0 };
  readonly #loading = new Map<Digest, Promise<Model>>();
  #pins: ReadonlySet<string> = new Set();

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#executors = new Executors({
      count: options.executors,
      threads: options.threads,
      onExit: (reason) => options.onExecutorExit?.(reason),
    });
  }

  /** Requests that wait or run, over all models. */
  get inFlight(): number {
    let count = 0;
    for (const model of this.#models.values()) count += model.inHand;
    return count;
  }

  /** Rows that wait, over all models. */
  get rowsWaiting(): number {
    let rows = 0;
    for (const model of this.#models.values()) rows += model.rowsWaiting;
    return rows;
  }

  /** Busy share of the executors, 0 to 1, over the last tenths of a second. */
  get utilisation(): number {
    return this.#executors.utilisation;
  }

  get memoryBudgetBytes(): number {
    return this.#options.memoryBudgetBytes;
  }

  /**
   * Loads a model unless it is loaded, and says what it takes and costs.
   *
   * @throws PlatformError MODEL_DIGEST_MISMATCH, MODEL_MEMORY_EXHAUSTED, or why the file is no model we may run
   */
  async load(digest: Digest, options: LoadOptions = {}): Promise<LoadedModel> {
    const startedAt = performance.now();
    const wasLoaded = this.#models.has(digest);
    const { shape } = await this.#model(digest, options);
    return { ...shape, loadMs: wasLoaded ? 0 : performance.now() - startedAt };
  }

  /**
   * Runs one request, loading the model first where needed. `name` is for error texts.
   *
   * @throws PlatformError INPUT_*, QUEUE_EXHAUSTED, DEADLINE_EXCEEDED, MODEL_*
   */
  async infer(
    digest: Digest,
    name: string,
    inputs: readonly Tensor[],
    options: InferOptions = {},
  ): Promise<Answer> {
    const model = this.#models.get(digest) ?? (await this.#model(digest, {}));
    return model.infer(name, inputs, options);
  }

  /** These models are not unloaded; any other may be. */
  pin(digests: Iterable<string>): void {
    this.#pins = new Set(digests);
  }

  /** Gives a model's memory back; false where it is not loaded, or has work in hand. */
  async unload(digest: Digest): Promise<boolean> {
    const model = this.#models.get(digest);
    if (!model || model.inHand > 0) return false;
    await this.#unload(model);
    return true;
  }

  models(): ModelStatistics[] {
    return [...this.#models.values()].map((model) => model.statistics(this.#pins.has(model.digest)));
  }

  async close(): Promise<void> {
    for (const model of this.#models.values()) model.close();
    await this.#executors.close();
  }

  #model(digest: Digest, options: LoadOptions): Promise<Model> {
    const loaded = this.#models.get(digest);
    if (loaded) return Promise.resolve(loaded);
    let loading = this.#loading.get(digest);
    if (!loading) {
      loading = this.#load(digest, options).finally(() => this.#loading.delete(digest));
      this.#loading.set(digest, loading);
    }
    return loading;
  }

  async #load(digest: Digest, options: LoadOptions): Promise<Model> {
    const { golden = [] } = options;
    const startedAt = performance.now();
    const bytes = await this.#fetch(digest);
    const shapes = [];
    for (const executor of this.#executors.all) shapes.push(await executor.load(digest, bytes, golden));
    const [shape] = shapes;
    if (!shape) throw unavailable('EXECUTOR_CRASHED', 'no model executor runs at the moment; ask again');
    const memoryBytes = shapes.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    const model = new Model({
      digest,
      shape: { ...shape, memoryBytes },
      loadMs: performance.now() - startedAt,
      executors: this.#executors,
      ensureLoaded: (executor) => this.#ensureLoaded(executor, digest),
      preferredBatch: options.preferredBatch ?? [],
      queueRowsMax: options.queueRowsMax || runtimeLimits.queueRowsMax,
      budgetUs: this.#options.executors === 'inline' ? runtimeLimits.inlineBatchUs : Number.POSITIVE_INFINITY,
      held: this.#held,
    });
    this.#models.set(digest, model);
    await this.#makeRoom(model);
    return model;
  }

  /** An executor that took a crashed one's place has nothing loaded yet. */
  async #ensureLoaded(executor: Executor, digest: Digest): Promise<void> {
    if (!executor.loaded.has(digest)) await executor.load(digest, await this.#fetch(digest), []);
  }

  async #fetch(digest: Digest): Promise<Uint8Array> {
    const bytes = await this.#options.fetch(digest);
    const actual = digestOf(bytes);
    if (actual !== digest) {
      throw invalid(
        'MODEL_DIGEST_MISMATCH',
        `the artifact store answered ${digest} with bytes of ${actual}; restore the artifact`,
      );
    }
    return bytes;
  }

  async #makeRoom(newest: Model): Promise<void> {
    const oldestFirst = [...this.#models.values()].sort((a, b) => a.usedAt - b.usedAt);
    for (const model of oldestFirst) {
      if (this.#memoryBytes() <= this.#options.memoryBudgetBytes) return;
      if (model !== newest && model.inHand === 0 && !this.#pins.has(model.digest)) await this.#unload(model);
    }
    if (this.#memoryBytes() <= this.#options.memoryBudgetBytes) return;
    await this.#unload(newest);
    throw unavailable(
      'MODEL_MEMORY_EXHAUSTED',
      `the model takes ${newest.shape.memoryBytes} bytes, more than is left of the budget of ${this.#options.memoryBudgetBytes}; ` +
        'raise the memory budget of inference or retire a deployment',
    );
  }

  #memoryBytes(): number {
    let total = 0;
    for (const { shape } of this.#models.values()) total += shape.memoryBytes;
    return total;
  }

  async #unload(model: Model): Promise<void> {
    this.#models.delete(model.digest as Digest);
    model.close();
    for (const executor of this.#executors.all) await executor.unload(model.digest);
  }
}
