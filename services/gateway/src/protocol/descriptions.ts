import type { DeploymentUpdated, FeatureInput } from '@perennial/contracts';

export const serverName = 'perennial';
export const serverVersion = '0.1.0';

/** Exactly those that are there; test/conformance walks the list. */
export const serverExtensions = [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'model_repository',
  'parameters',
  'schedule_policy',
  'statistics',
];

export interface TensorDescription {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
}

/** A model's inputs and outputs; -1 stands for any size. */
export function tensorsOf({ inputs, outputs }: Pick<DeploymentUpdated, 'inputs' | 'outputs'>): {
  inputs: TensorDescription[];
  outputs: TensorDescription[];
} {
  return {
    inputs: inputs.map(described),
    // Every model file of our own trainers has this one output; they are held to it.
    outputs: outputs.length > 0 ? outputs.map(described) : [{ ...plain, name: 'prediction' }],
  };
}

const plain = { datatype: 'FP64', shape: [-1, 1] };

function described({ name, datatype, shape }: FeatureInput): TensorDescription {
  return {
    name,
    datatype: datatype === '' ? plain.datatype : datatype,
    shape: shape.length === 0 ? plain.shape : shape.map(Number),
  };
}

/** What runs it: one ONNX file, or a graph of other models. */
export function platformOf({ routes }: Pick<DeploymentUpdated, 'routes'>): string {
  return routes[0]?.graph ? 'ensemble' : 'onnxruntime_onnx';
}

/** Whether every input and output begins with a dimension of any number of rows, so that requests can share a run. */
export function hasRows({ inputs, outputs }: ReturnType<typeof tensorsOf>): boolean {
  return [...inputs, ...outputs].every(({ shape }) => shape[0] === -1);
}
