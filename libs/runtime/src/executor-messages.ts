import type { KernelFit } from './kernels/mod.js';
import type { Tensor, TensorSpec } from './tensor/tensor.js';
import type { BatchCost } from './types.js';

/** What the main thread asks of an executor; `job` names the answer. */
export type ExecutorRequest =
  | { job: number; kind: 'load'; digest: string; bytes: Uint8Array; golden: Golden }
  | { job: number; kind: 'run'; digest: string; inputs: readonly Tensor[] }
  | { job: number; kind: 'unload'; digest: string }
  /** Ends the executor after what came before. */
  | { job: number; kind: 'end' };

/** Requests to warm a model up with. */
export type Golden = readonly (readonly Tensor[])[];

export interface LoadedShape extends KernelFit {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Growth of the process while it was loaded; never less than the file. */
  readonly memoryBytes: number;
  /** A row's answer does not depend on the rows beside it, as far as was seen at load. */
  readonly isRowwise: boolean;
  readonly device: string;
  readonly costs: readonly BatchCost[];
}

/** A PlatformError as plain data: class instances do not survive the way between threads. */
export interface ErrorData {
  readonly code: string;
  readonly fault: 'caller' | 'dependency' | 'us';
  readonly retry: 'never' | 'after' | 'now';
  readonly message: string;
  readonly internal?: string | undefined;
  readonly field?: string | undefined;
}

export type ExecutorAnswer =
  | { job: number; kind: 'loaded'; shape: LoadedShape }
  | { job: number; kind: 'ran'; outputs: Tensor[]; computeUs: number }
  | { job: number; kind: 'unloaded' }
  | { job: number; kind: 'ended' }
  | { job: number; kind: 'failed'; error: ErrorData };
