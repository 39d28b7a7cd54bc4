import { invalid } from '@perennial/kernel';
import type { Tensor, TensorSpec } from './tensor/tensor.js';

/**
 * The inputs in the model's order, after checking names, datatypes and shapes. A request may leave the row dimension
 * of a `[N,1]` input out: `[N]` is read as `[N,1]`.
 *
 * @throws PlatformError INPUT_* with the words that the protocol's clients look for
 */
export function checkInputs(
  model: string,
  specs: readonly TensorSpec[],
  inputs: readonly Tensor[],
): Tensor[] {
  const byName = new Map(inputs.map((input) => [input.name, input]));
  if (byName.size !== inputs.length) {
    const twice = inputs.find((input, at) => inputs.findIndex(({ name }) => name === input.name) !== at);
    throw invalid('INPUT_DUPLICATE', `input '${twice?.name}' is given twice for model '${model}'`, {
      field: twice?.name ?? '',
    });
  }
  const known = new Set(specs.map(({ name }) => name));
  const stray = inputs.find(({ name }) => !known.has(name));
  if (stray) {
    throw invalid(
      'INPUT_UNKNOWN',
      `unexpected inference input '${stray.name}' for model '${model}'; it takes ${listed([...known])}`,
      { field: stray.name },
    );
  }
  const missing = specs.filter(({ name }) => !byName.has(name)).map(({ name }) => name);
  if (missing.length > 0) {
    throw invalid(
      'INPUT_MISSING',
      `expected ${specs.length} inputs but got ${inputs.length} inputs for model '${model}': add ${listed(missing)}`,
      { field: missing[0] ?? '' },
    );
  }
  return specs.map((spec) => fit(model, spec, byName.get(spec.name) as Tensor));
}

function fit(model: string, spec: TensorSpec, input: Tensor): Tensor {
  if (input.datatype !== spec.datatype) {
    throw invalid(
      'INPUT_DATATYPE',
      `inference input '${input.name}' data-type is '${input.datatype}', but model '${model}' expects '${spec.datatype}'`,
      { field: input.name },
    );
  }
  const shape =
    input.shape.length === 1 && spec.shape.length === 2 && spec.shape[1] === 1
      ? [...input.shape, 1]
      : input.shape;
  const fits =
    shape.length === spec.shape.length && spec.shape.every((size, at) => size === -1 || size === shape[at]);
  if (!fits) {
    throw invalid(
      'INPUT_SHAPE',
      `unexpected shape for input '${input.name}' for model '${model}'. Expected [${spec.shape.join(',')}], got [${input.shape.join(',')}]`,
      { field: input.name },
    );
  }
  return shape === input.shape ? input : { ...input, shape };
}

function listed(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}
