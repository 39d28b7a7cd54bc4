import type { Tensor, TensorSpec } from './tensor/tensor.js';

/** What a run of so many rows takes. */
export interface BatchCost {
  readonly rows: number;
  readonly microseconds: number;
}

/** How a model is loaded; everything has a default. */
export interface LoadOptions {
  /** Whose bytes they are; the signature is over these and the digest. */
  readonly name?: string | undefined;
  readonly version?: number | undefined;
  readonly signature?: string | undefined;
  /** Stays loaded whatever else is asked for. */
  readonly pinned?: boolean | undefined;
  /** Batch sizes in rows to prefer, where as many rows wait. */
  readonly preferredBatch?: readonly number[] | undefined;
  /** Rows that may wait for it; 0 and absent mean the runtime's own bound. */
  readonly queueRowsMax?: number | undefined;
  /** Requests that were answered before: run at load, so that the first caller does not pay for it. */
  readonly golden?: readonly (readonly Tensor[])[] | undefined;
  /** Refused rather than that another model is paged out for it. */
  readonly onlyIfRoom?: boolean | undefined;
}

/** What a load found; the same for every caller while the model stays. */
export interface LoadedModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Whether a row's answer is the same with other rows beside it, so that requests may run together. */
  readonly isRowwise: boolean;
  readonly memoryBytes: number;
  /** From asking for the bytes to being ready; 0 where it was loaded already. */
  readonly loadMs: number;
  /** The execution provider that runs it, and in words why a wanted one does not. */
  readonly device: string;
  /** Measured at load with one run after warm-up of each size; empty where the model refuses zeros. */
  readonly costs: readonly BatchCost[];
}

/** An AbortSignal, or anything lighter that can say the same. */
export interface Cancellation {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** How one request is run; everything has a default. */
export interface InferOptions {
  /** On performance.now(). */
  readonly deadlineAt?: number | undefined;
  /** 1 is the most urgent; 0 and absent mean the middle. */
  readonly priority?: number | undefined;
  /** Whose share of the model it takes: requests of different shares take turns. */
  readonly share?: string | undefined;
  /** Runs in a batch of its own. */
  readonly alone?: boolean | undefined;
  /** Aborted when nobody waits for the answer any more: the request gives its place up at once. */
  readonly signal?: Cancellation | undefined;
  /** For a model that has to be loaded first. */
  readonly version?: number | undefined;
  readonly signature?: string | undefined;
}

/** What became of one request. */
export interface Answer {
  readonly outputs: Tensor[];
  readonly queueUs: number;
  readonly computeUs: number;
  /** Unique over restarts; requests with the same one ran together. */
  readonly batchId: string;
  /** Rows of all requests of that batch. */
  readonly batchRows: number;
}

/** One run of the model over joined inputs. */
export interface Ran {
  readonly outputs: Tensor[];
  readonly computeUs: number;
}
