import type { Tensor } from '../tensor/tensor.js';
import type { Ran } from '../types.js';
import { compileKernel } from './compile.js';
import type { KernelFit } from './fit-kernel.js';

/** Runs small batches at once, on the thread that asks; undefined for what an executor has to run. */
export type QuickKernel = (inputs: readonly Tensor[]) => Ran | undefined;

/**
 * A kernel beside the executors, for runs that take less than the way to a thread and back. An executor has compared and
 * measured it when it loaded the same file. The engine itself never runs here, for it may block for as long as it likes.
 */
export function quickKernel(file: Uint8Array, { quickRowsMax: rowsMax }: KernelFit): QuickKernel | undefined {
  const kernel = rowsMax > 0 ? compileKernel(file) : undefined;
  if (!kernel) return undefined;
  return (inputs) => {
    if ((inputs[0]?.shape[0] ?? 0) > rowsMax || !kernel.takes(inputs)) return undefined;
    const startedAt = performance.now();
    const outputs = kernel.run(inputs);
    return { outputs, computeUs: (performance.now() - startedAt) * 1_000 };
  };
}
