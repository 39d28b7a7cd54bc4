import { type ElementType, type Model, node, writeModel } from '@perennial/onnx';
import type { Datatype } from './wire/values.js';

/** A model that a server must have, under this name, for the suite to be run against it. */
export interface ConformanceModel {
  readonly name: string;
  readonly inputs: readonly ModelTensor[];
  readonly outputs: readonly ModelTensor[];
  /** The ONNX file; the same bytes every time. */
  readonly bytes: Uint8Array;
}

export interface ModelTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1: any size. */
  readonly shape: readonly number[];
}

const elementTypes: Record<Exclude<Datatype, 'BF16'>, ElementType> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float',
  FP64: 'double',
  BYTES: 'string',
};
export type ModelDatatype = keyof typeof elementTypes;
export const modelDatatypes = Object.keys(elementTypes) as ModelDatatype[];

export const identityOf = (datatype: ModelDatatype) => `identity_${datatype.toLowerCase()}`;

/** All models of the suite. */
export const conformanceModels: readonly ConformanceModel[] = [
  ...modelDatatypes.map((datatype) => identity(identityOf(datatype), datatype, [-1, -1])),
  // Sum and difference of 16 numbers, as the example model of the protocol's common servers.
  addSub('add_sub', 'INT32', [-1, 16]),
  addSub('add_sub_fp32', 'FP32', [-1, 16]),
  identity('scores', 'FP32', [-1, 4]),
  identity('counts', 'INT64', [-1, 4]),
  // No dimension of rows.
  identity('fixed', 'INT64', [2, 3]),
  identity('text', 'BYTES', [-1, 1]),
  identity('open', 'FP32', [-1, -1, -1]),
  // What JSON cannot hold out of what it can: 1/0, -1/0 and 0/0.
  model(
    'reciprocal',
    'Reciprocal',
    [tensor('INPUT0', 'FP32', [-1, 1])],
    [tensor('OUTPUT0', 'FP32', [-1, 1])],
  ),
];

function tensor(name: string, datatype: ModelDatatype, shape: readonly number[]): ModelTensor {
  return { name, datatype, shape };
}

function identity(name: string, datatype: ModelDatatype, shape: readonly number[]): ConformanceModel {
  return model(name, 'Identity', [tensor('INPUT0', datatype, shape)], [tensor('OUTPUT0', datatype, shape)]);
}

function model(
  name: string,
  op: string,
  inputs: readonly ModelTensor[],
  outputs: readonly ModelTensor[],
): ConformanceModel {
  const nodes = outputs.map((output) =>
    node(
      op,
      inputs.map((input) => input.name),
      output.name,
    ),
  );
  return { name, inputs, outputs, bytes: written(name, nodes, inputs, outputs) };
}

function addSub(name: string, datatype: ModelDatatype, shape: readonly number[]): ConformanceModel {
  const inputs = [tensor('INPUT0', datatype, shape), tensor('INPUT1', datatype, shape)];
  const outputs = [tensor('OUTPUT0', datatype, shape), tensor('OUTPUT1', datatype, shape)];
  const both = ['INPUT0', 'INPUT1'];
  return {
    name,
    inputs,
    outputs,
    bytes: written(name, [node('Add', both, 'OUTPUT0'), node('Sub', both, 'OUTPUT1')], inputs, outputs),
  };
}

function written(
  name: string,
  nodes: Model['graph']['nodes'],
  inputs: readonly ModelTensor[],
  outputs: readonly ModelTensor[],
): Uint8Array {
  const value = ({ name: of, datatype, shape }: ModelTensor) => ({
    name: of,
    type: elementTypes[datatype as ModelDatatype],
    dims: shape.map((size, at) => (size === -1 ? `D${at}` : size)),
  });
  return writeModel({
    producer: 'conformance',
    producerVersion: '1',
    opsets: { '': 17 },
    graph: { name, nodes, constants: [], inputs: inputs.map(value), outputs: outputs.map(value) },
  });
}
