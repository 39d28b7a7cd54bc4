import { type Digest, digestOf, invalid, unavailable } from '@perennial/kernel';
import type { DeviceOptions } from './devices.js';
import type { Executor } from './executor.js';
import { Executors } from './executors.js';
import { quickKernel } from './kernels/mod.js';
import { runtimeLimits } from './limits.js';
import { Model } from './model.js';
import type { ModelStatistics } from './model-counts.js';
import { type ModelState, ModelStore } from './store/model-store.js';
import type { Tensor } from './tensor/tensor.js';
import type { Answer, InferOptions, LoadedModel, LoadOptions } from './types.js';

/** What a signature is over. */
export interface SignedSubject {
  readonly name: string;
  readonly version: number;
  readonly digest: Digest;
}

export interface RuntimeOptions extends DeviceOptions {
  /** The model file; the runtime verifies its digest again. */
  readonly fetch: (digest: Digest) => Promise<Uint8Array>;
  /** Threads that run models, each with sessions of its own; "inline" runs them on the calling thread. */
  readonly executors: number | 'inline';
  /** Processes instead of threads: what ends the engine ends no more than the one, at some microseconds a batch. */
  readonly isolation?: 'thread' | 'process';
  /** Threads that one run may use. */
  readonly threads: number;
  readonly memoryBudgetBytes: number;
  /**
   * Throws where a model is not signed as it must be. Absent: the digest alone is verified.
   *
   * @throws PlatformError MODEL_SIGNATURE_INVALID
   */
  readonly verify?: ((subject: SignedSubject, signature: string) => void) | undefined;
  /** Tries a file where it can do no harm, before it is loaded here; see `Prover`. Absent: it is trusted. */
  readonly prove?: ((digest: Digest, bytes: Uint8Array) => Promise<void>) | undefined;
  /** Told when an executor ended by itself; a new one takes its place. */
  readonly onExecutorExit?: (reason: string) => void;
}

/**
 * Models by digest: fetched, verified and proven when first asked for, run in batches off this thread, and paged out
 * when others need their place in the memory budget. Pinned models stay.
 */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #executors: Executors;
  readonly #store: ModelStore;
  /** Signatures that were verified, so that a model may be paged in again by a request that has none. */
  readonly #verified = new Set<string>();
  readonly #held = { bytes: 0 };

  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.#executors = new Executors({
      count: options.executors,
      isolation: options.isolation ?? 'thread',
      host: {
        threads: options.threads,
        device: options.device ?? 'cpu',
        requireDevice: options.requireDevice ?? false,
      },
      onExit: (reason) => options.onExecutorExit?.(reason),
    });
    this.#store = new ModelStore({
      budgetBytes: options.memoryBudgetBytes,
      fetch: (digest) => this.#fetch(digest),
      open: (digest, bytes, load) => this.#open(digest, bytes, load),
      release: (digest, model) => this.#release(digest, model),
    });
  }

  /** Requests that wait or run, over all models. */
  get inFlight(): number {
    return this.#store.models.reduce((count, model) => count + model.inHand, 0);
  }

  /** Rows that wait, over all models. */
  get rowsWaiting(): number {
    return this.#store.models.reduce((rows, model) => rows + model.rowsWaiting, 0);
  }

  /** Busy share of the executors, 0 to 1, over the last tenths of a second. */
  get utilisation(): number {
    return this.#executors.utilisation;
  }

  /** Batches that run at the same time. */
  get slots(): number {
    return this.#executors.slots;
  }

  get memoryBudgetBytes(): number {
    return this.#options.memoryBudgetBytes;
  }

  /** What models take, those on their way in and out included. */
  get memoryUsedBytes(): number {
    return this.#store.usedBytes;
  }

  /** Models that had to go for others, since the start. */
  get evictions(): number {
    return this.#store.evictions;
  }

  /**
   * Loads a model unless it is loaded, and says what it takes and costs.
   *
   * @throws PlatformError MODEL_DIGEST_MISMATCH, MODEL_SIGNATURE_INVALID, MODEL_MEMORY_EXHAUSTED,
   * MODEL_DEVICE_UNAVAILABLE, or why the file is no model we may run
   */
  async load(digest: Digest, options: LoadOptions = {}): Promise<LoadedModel> {
    this.#verify(digest, options);
    const wasLoaded = this.#store.used(digest) !== undefined;
    const { shape, loadMs } = await this.#store.load(digest, options);
    return { ...shape, loadMs: wasLoaded ? 0 : loadMs };
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
    const model = this.#store.used(digest);
    if (model) return model.infer(name, inputs, options);
    const { version, signature } = options;
    this.#verify(digest, { name, version, signature });
    return this.#store.with(digest, {}, (loaded) => loaded.infer(name, inputs, options));
  }

  /** infer() without a promise, where that can be: on this thread, by a kernel of our own, and nothing waits. */
  inferNow(digest: Digest, inputs: readonly Tensor[], options: InferOptions): Answer | undefined {
    return this.#store.used(digest)?.inferNow(inputs, options);
  }

  /** These models are not paged out; any other may be, unless it was loaded as pinned. */
  pin(digests: Iterable<string>): void {
    this.#store.pin(digests);
  }

  /** Lets a model finish what it has in hand and gives its memory back; false where it is not loaded. */
  unload(digest: Digest): Promise<boolean> {
    return this.#store.unload(digest);
  }

  /** Where a model stands, and why it failed where it did. */
  state(digest: Digest): { state: ModelState; reason: string } {
    return this.#store.state(digest);
  }

  models(): ModelStatistics[] {
    return this.#store.models.map((model) => model.statistics(this.#store.isPinned(model.digest)));
  }

  async close(): Promise<void> {
    for (const model of this.#store.models) model.close();
    await this.#executors.close();
  }

  async #fetch(digest: Digest): Promise<Uint8Array> {
    const bytes = await this.#options.fetch(digest);
    this.#check(digest, bytes);
    await this.#options.prove?.(digest, bytes);
    return bytes;
  }

  #verify(digest: Digest, { name = '', version = 0, signature = '' }: LoadOptions): void {
    const { verify } = this.#options;
    if (!verify || (signature === '' && this.#verified.has(digest))) return;
    verify({ name, version, digest }, signature);
    this.#verified.add(digest);
  }

  #check(digest: Digest, bytes: Uint8Array): void {
    const actual = digestOf(bytes);
    if (actual === digest) return;
    throw invalid(
      'MODEL_DIGEST_MISMATCH',
      `the artifact store answered ${digest} with bytes of ${actual}; restore the artifact`,
    );
  }

  async #open(digest: Digest, bytes: Uint8Array, options: LoadOptions): Promise<Model> {
    const startedAt = performance.now();
    const shapes = [];
    for (const executor of this.#executors.all)
      shapes.push(await executor.load(digest, bytes, options.golden ?? []));
    const [shape] = shapes;
    if (!shape) throw unavailable('EXECUTOR_CRASHED', 'no model executor runs at the moment; ask again');
    const quick = this.#options.executors === 'inline' ? undefined : quickKernel(bytes, shape);
    // A kernel keeps the file's weights, and nothing else of any size.
    const beside = quick ? bytes.byteLength : 0;
    const memoryBytes = shapes.reduce((sum, loaded) => sum + loaded.memoryBytes, beside);
    return new Model({
      digest,
      shape: { ...shape, memoryBytes },
      loadMs: performance.now() - startedAt,
      executors: this.#executors,
      quick,
      load: (executor) => this.#loadAgain(executor, digest),
      preferredBatch: options.preferredBatch ?? [],
      queueRowsMax: options.queueRowsMax || runtimeLimits.queueRowsMax,
      budgetUs: this.#options.executors === 'inline' ? runtimeLimits.inlineBatchUs : Number.POSITIVE_INFINITY,
      held: this.#held,
    });
  }

  async #loadAgain(executor: Executor, digest: Digest): Promise<void> {
    const bytes = await this.#options.fetch(digest);
    this.#check(digest, bytes);
    await executor.load(digest, bytes, []);
  }

  async #release(digest: Digest, model: Model | undefined): Promise<void> {
    model?.close();
    // One that ended meanwhile has given it back.
    for (const executor of this.#executors.all)
      if (executor.loaded.has(digest)) await executor.unload(digest).catch(() => undefined);
  }
}
