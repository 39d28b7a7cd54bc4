import { invalid } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';

/**
 * The outputs that were asked for, in the order of the asking.
 *
 * @throws PlatformError OUTPUT_UNKNOWN
 */
export function pickOutputs(
  outputs: readonly Tensor[],
  names: readonly string[],
  model: string,
): readonly Tensor[] {
  if (names.length === 0) return outputs;
  return names.map((name) => {
    const found = outputs.find((output) => output.name === name);
    if (found) return found;
    throw invalid('OUTPUT_UNKNOWN', `unexpected inference output '${name}' for model '${model}'`, {
      field: name,
    });
  });
}
