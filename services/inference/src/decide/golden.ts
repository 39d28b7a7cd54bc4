import { invalid } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';
import type { GoldenRequest, ModelManifest } from '../manifest.js';

/**
 * The tensors of one golden request, one row, in the manifest's order. A missing number is NaN, a missing text ''.
 *
 * @throws PlatformError GOLDEN_INVALID where a value is of the wrong type
 */
export function tensorsOf(manifest: Pick<ModelManifest, 'inputs'>, golden: GoldenRequest): Tensor[] {
  return manifest.inputs.map(({ name, datatype }) => {
    const value = golden.inputs[name] ?? null;
    if (datatype === 'BYTES' && (value === null || typeof value === 'string')) {
      return { name, datatype, shape: [1, 1], data: [value ?? ''] };
    }
    if (datatype === 'FP64' && (value === null || typeof value === 'number')) {
      return { name, datatype, shape: [1, 1], data: Float64Array.of(value ?? Number.NaN) };
    }
    throw invalid(
      'GOLDEN_INVALID',
      `golden: ${name} is ${JSON.stringify(value)}, but the model takes ${datatype}`,
      {
        field: name,
      },
    );
  });
}

/** Relative difference of an answer from the golden one; the same engine on another CPU may round differently. */
const goldenTolerance = 1e-9;

/** Why the answer is not the golden one, or undefined where it is. `at` counts from 0. */
export function mismatch(
  at: number,
  wanted: number,
  outputs: readonly Tensor[],
  name: string,
): string | undefined {
  const output = outputs.find((tensor) => tensor.name === name);
  if (!output)
    return `the model has no output "${name}"; it has ${outputs.map((tensor) => tensor.name).join(', ')}`;
  const value = Number(output.data[0]);
  const scale = Math.max(Math.abs(wanted), Math.abs(value), Number.MIN_VALUE);
  // Written so that NaN is a mismatch.
  if (Math.abs(value - wanted) / scale <= goldenTolerance) return undefined;
  return `golden request ${at + 1} was answered with ${value}, the manifest says ${wanted}`;
}

/** The value below which `share` of the (unsorted) values lie, by nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
