import { Batcher } from './batcher.js';
import { checkInputs } from './check-inputs.js';
import type { Executor } from './executor.js';
import type { LoadedShape } from './executor-messages.js';
import type { Executors, Source } from './executors.js';
import type { Tensor, TensorSpec } from './tensor/tensor.js';
import type { Answer, InferOptions } from './types.js';
import { isBatchable } from './zero-inputs.js';

/** What a model did and what it costs; times are sums in microseconds. */
export interface ModelStatistics {
  readonly digest: string;
  readonly memoryBytes: number;
  readonly requests: number;
  readonly rows: number;
  readonly batches: number;
  readonly failures: number;
  readonly queueUs: number;
  readonly computeUs: number;
  readonly pinned: boolean;
}

/** A loaded model: its shape, its queue and its counts. */
export class Model implements Source {
  readonly digest: string;
  readonly shape: LoadedShape;
  readonly #batcher: Batcher;
  readonly #ensureLoaded: (executor: Executor) => Promise<void>;
  #counts = { requests: 0, rows: 0, batches: 0, failures: 0, queueUs: 0, computeUs: 0 };
  /** performance.now() of the last request; the least recently used model is unloaded first. */
  usedAt = performance.now();

  constructor(options: {
    digest: string;
    shape: LoadedShape;
    executors: Executors;
    ensureLoaded: (executor: Executor) => Promise<void>;
  }) {
    this.digest = options.digest;
    this.shape = options.shape;
    this.#ensureLoaded = options.ensureLoaded;
    this.#batcher = new Batcher({
      batchable: isBatchable(options.shape.inputs),
      wake: () => options.executors.ask(this),
      onBatch: ({ requests, rows, computeUs, failed }) => {
        const counts = this.#counts;
        counts.batches += 1;
        counts.rows += rows;
        counts.requests += requests;
        counts.computeUs += computeUs;
        if (failed) counts.failures += 1;
      },
    });
  }

  get inHand(): number {
    return this.#batcher.inHand;
  }

  get rowsWaiting(): number {
    return this.#batcher.rowsWaiting;
  }

  get hasWork(): boolean {
    return this.#batcher.hasWork;
  }

  get inputs(): readonly TensorSpec[] {
    return this.shape.inputs;
  }

  /** @throws PlatformError INPUT_*, QUEUE_EXHAUSTED, DEADLINE_EXCEEDED, MODEL_RUN_FAILED */
  async infer(name: string, inputs: readonly Tensor[], options?: InferOptions): Promise<Answer> {
    this.usedAt = performance.now();
    const answer = await this.#batcher.submit(checkInputs(name, this.inputs, inputs), options);
    this.#counts.queueUs += answer.queueUs;
    return answer;
  }

  async dispatch(executor: Executor): Promise<void> {
    await this.#batcher.dispatch(async (inputs) => {
      await this.#ensureLoaded(executor);
      return executor.run(this.digest, inputs);
    });
  }

  close(): void {
    this.#batcher.close();
  }

  statistics(pinned: boolean): ModelStatistics {
    return { digest: this.digest, memoryBytes: this.shape.memoryBytes, ...this.#counts, pinned };
  }
}
