import type { Route, ServeSettings } from '@perennial/contracts';
import type { Cancellation, Tensor } from '@perennial/runtime';

/** Which model is asked, and how its deployment wants to be served. */
export interface ModelAsked {
  /** The deployment's name and its version, for error texts and answers. */
  readonly name: string;
  readonly route: Route;
  readonly pool: string;
  readonly serve: ServeSettings | undefined;
}

export interface InferOptions {
  /** On performance.now(). */
  readonly deadlineAt: number;
  /** 1 is the most urgent; 0 the default. */
  readonly priority?: number;
  /** Whose share of a replica it takes: the caller's name. */
  readonly share?: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: Cancellation;
  /** W3C traceparent of the request, where somebody collects its trace. */
  readonly traceparent?: string;
}

/** What came of one request, and where and how it ran. */
export interface Inferred {
  readonly outputs: Tensor[];
  /** A replica's id, or "edge". */
  readonly replica: string;
  readonly queueUs: number;
  readonly computeUs: number;
  readonly batchId: string;
  readonly batchRows: number;
  /** Of a graph: which version of each model answered. */
  readonly steps?: Readonly<Record<string, number>>;
}

/** Runs a model wherever it lives. */
export interface Inference {
  /** @throws PlatformError DEADLINE_EXCEEDED, INFERENCE_UNAVAILABLE, or what the model says */
  infer(model: ModelAsked, inputs: readonly Tensor[], options: InferOptions): Promise<Inferred>;
  /** infer() without a promise, where that can be; undefined where infer() must be asked. */
  inferNow?(model: ModelAsked, inputs: readonly Tensor[], options: InferOptions): Inferred | undefined;
  /**
   * Before a request of this caller is read: whether it has a chance to be answered. Where it is left out all have.
   *
   * @throws PlatformError QUEUE_EXHAUSTED
   */
  checkRoom?(model: ModelAsked, share: string): void;
}
