import { unavailable } from '@perennial/kernel';
import { nextBatchId } from './batch-id.js';
import { Batcher, type BatchRan } from './batcher.js';
import { checkInputs } from './check-inputs.js';
import { CostModel } from './decide/cost-model.js';
import type { Executor } from './executor.js';
import type { LoadedShape } from './executor-messages.js';
import type { Executors, Source } from './executors.js';
import type { QuickKernel } from './kernels/mod.js';
import { runtimeLimits } from './limits.js';
import { ModelCounts, type ModelStatistics } from './model-counts.js';
import type { Tensor, TensorSpec } from './tensor/tensor.js';
import type { Answer, InferOptions } from './types.js';
import { isBatchable } from './zero-inputs.js';

/** Runs without a batch of which one is learned from: learning takes as long as some of them. */
const runsNowPerLesson = 16;

export interface ModelOptions {
  readonly digest: string;
  readonly shape: LoadedShape;
  readonly loadMs: number;
  readonly executors: Executors;
  /** Beside them, for what is over sooner than they would begin. */
  readonly quick: QuickKernel | undefined;
  /** An executor that took a crashed one's place has nothing loaded yet. */
  readonly load: (executor: Executor) => Promise<void>;
  readonly preferredBatch: readonly number[];
  readonly queueRowsMax: number;
  readonly budgetUs: number;
  readonly held: { bytes: number };
}

/** A loaded model: its shape, its queue and its counts. */
export class Model implements Source {
  readonly digest: string;
  readonly shape: LoadedShape;
  readonly loadMs: number;
  readonly #o: ModelOptions;
  readonly #batcher: Batcher;
  readonly #cost: CostModel;
  readonly #counts = new ModelCounts();
  #onIdle: (() => void)[] = [];
  #stuck = 0;
  #refusedUntil = 0;
  #runsNow = 0;

  constructor(options: ModelOptions) {
    const { digest, shape, loadMs, executors } = options;
    this.digest = digest;
    this.shape = shape;
    this.loadMs = loadMs;
    this.#o = options;
    this.#cost = new CostModel(shape.costs);
    this.#batcher = new Batcher({
      batchable: shape.isRowwise && isBatchable(shape.inputs),
      cost: this.#cost,
      surroundings: {
        slots: executors.slots,
        get utilisation() {
          return executors.utilisation;
        },
        freeInUs: () => executors.freeInUs(),
        others: () => executors.others(this),
      },
      preferredBatch: options.preferredBatch,
      queueRowsMax: options.queueRowsMax,
      budgetUs: options.budgetUs,
      held: options.held,
      wake: () => executors.ask(this),
      onBatch: (batch) => this.#ran(batch),
      onDropped: () => this.#counts.dropped(),
      onIdle: () => this.checkIdle(),
    });
  }

  /** Requests that wait or run. */
  get inHand(): number {
    return this.#batcher.inHand;
  }

  get rowsWaiting(): number {
    return this.#batcher.rowsWaiting;
  }

  get hasWork(): boolean {
    return this.#batcher.hasWork;
  }

  get backlogUs(): number {
    return this.#batcher.backlogUs;
  }

  get inputs(): readonly TensorSpec[] {
    return this.shape.inputs;
  }

  holdMs(now: number): number {
    return this.#batcher.holdMs(now);
  }

  /** @throws PlatformError INPUT_*, QUEUE_EXHAUSTED, DEADLINE_EXCEEDED, MODEL_RUN_FAILED, MODEL_STUCK */
  async infer(name: string, inputs: readonly Tensor[], options?: InferOptions): Promise<Answer> {
    if (this.#refusedUntil > 0) this.#refuseStuck();
    try {
      const answer = await this.#batcher.submit(checkInputs(name, this.inputs, inputs), options);
      this.#counts.answered(answer);
      return answer;
    } catch (error) {
      this.#counts.refused();
      throw error;
    }
  }

  /**
   * The answer at once, where a kernel of our own takes these very inputs on this thread and nothing waits: a batch would
   * cost more than such a run. Undefined where infer() must be asked.
   */
  inferNow(inputs: readonly Tensor[], { deadlineAt, signal }: InferOptions): Answer | undefined {
    if (this.#refusedUntil > 0 || this.inHand > 0 || signal?.aborted) return undefined;
    if (deadlineAt !== undefined && deadlineAt <= performance.now()) return undefined;
    const { quick, executors } = this.#o;
    const ran = quick ? quick(inputs) : executors.runNow(this.digest, inputs);
    if (!ran) return undefined;
    const batchRows = inputs[0]?.shape[0] ?? 1;
    // Named one by one: a spread costs as much as a small model.
    const { outputs, computeUs } = ran;
    const answer = { outputs, computeUs, queueUs: 0, batchId: nextBatchId(), batchRows };
    this.#runsNow = (this.#runsNow + 1) % runsNowPerLesson;
    if (this.#runsNow === 0) this.#cost.observe(batchRows, ran.computeUs);
    this.#counts.ran({
      requests: 1,
      rows: batchRows,
      computeUs: ran.computeUs,
      failed: false,
      isStuck: false,
      reason: 'free',
    });
    this.#counts.answered(answer);
    return answer;
  }

  start(executor: Executor, onFree: () => void): { predictedUs: number; done: Promise<void> } | undefined {
    return this.#batcher.start(async (inputs, limitMs) => {
      if (!executor.loaded.has(this.digest)) await this.#o.load(executor);
      return executor.run(this.digest, inputs, limitMs);
    }, onFree);
  }

  /** Resolves the next time that nothing waits or runs. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  checkIdle(): void {
    if (this.inHand > 0) return;
    const told = this.#onIdle;
    this.#onIdle = [];
    for (const tell of told) tell();
  }

  close(): void {
    this.#batcher.close();
    this.#o.executors.forget(this);
  }

  statistics(pinned: boolean): ModelStatistics {
    return {
      digest: this.digest,
      memoryBytes: this.shape.memoryBytes,
      device: this.shape.device,
      costs: this.shape.costs,
      learned: { runUs: this.#cost.a, rowUs: this.#cost.b },
      pinned,
      inHand: this.inHand,
      rowsWaiting: this.rowsWaiting,
      ...this.#counts.read(),
    };
  }

  #ran(batch: BatchRan): void {
    this.#counts.ran(batch);
    if (!batch.isStuck) return;
    this.#stuck += 1;
    if (this.#stuck >= runtimeLimits.stuckMax)
      this.#refusedUntil = performance.now() + runtimeLimits.stuckRefusedMs;
  }

  #refuseStuck(): void {
    const leftMs = this.#refusedUntil - performance.now();
    if (leftMs > 0)
      throw unavailable(
        'MODEL_STUCK',
        `the model did not come back from ${this.#stuck} runs and is not asked for ${Math.ceil(leftMs / 1000)} s; roll it back`,
        { retryAfterMs: Math.ceil(leftMs) },
      );
    this.#refusedUntil = 0;
    this.#stuck = 0;
  }
}
