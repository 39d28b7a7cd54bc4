import { expect, test } from 'vitest';
import { elementTypes, type Graph, type Model, modelEnds, node, writeModel } from '../src/mod.js';

const modelOf = (graph: Partial<Graph>): Model => ({
  producer: 'test',
  producerVersion: '1',
  opsets: { '': 21 },
  graph: {
    name: 'g',
    inputs: [{ name: 'image', type: 'float', dims: ['N', 3, 224, 224] }],
    outputs: [{ name: 'scores', type: 'float16', dims: ['N', 10] }],
    constants: [],
    nodes: [node('Identity', ['image'], 'scores')],
    ...graph,
  },
});

test('inputs and outputs have their datatypes and shapes, -1 where any size fits', () => {
  expect(modelEnds(writeModel(modelOf({})))).toEqual({
    inputs: [{ name: 'image', datatype: 'FP32', shape: [-1, 3, 224, 224] }],
    outputs: [{ name: 'scores', datatype: 'FP16', shape: [-1, 10] }],
  });
});

test('every element type that can be served has its datatype', () => {
  const inputs = (Object.keys(elementTypes) as (keyof typeof elementTypes)[]).map((type) => ({
    name: type,
    type,
    dims: [1],
  }));
  expect(modelEnds(writeModel(modelOf({ inputs }))).inputs.map(({ datatype }) => datatype)).toEqual([
    ...['FP32', 'UINT8', 'INT8', 'UINT16', 'INT16', 'INT32', 'INT64', 'BYTES', 'BOOL', 'FP16', 'FP64'],
    ...['UINT32', 'UINT64'],
  ]);
});

test('a constant that is listed as an input is none', () => {
  const inputs = [
    { name: 'x', type: 'double' as const, dims: ['N', 1] },
    { name: 'w', type: 'double' as const, dims: [1] },
  ];
  const constants = [{ name: 'w', type: 'double' as const, dims: [1], data: Float64Array.of(2) }];
  const ends = modelEnds(writeModel(modelOf({ inputs, constants })));
  expect(ends.inputs.map(({ name }) => name)).toEqual(['x']);
});

test('what cannot be served is refused with the reason', () => {
  const scalar = modelOf({ inputs: [{ name: 'x', type: 'double', dims: [] }] });
  expect(() => modelEnds(writeModel(scalar))).toThrow(/input "x" has no dimensions/);
  expect(() => modelEnds(writeModel(modelOf({ inputs: [] })))).toThrow(/takes no input/);
  expect(() => modelEnds(Uint8Array.of(0x3a, 0xff))).toThrow(/no ONNX model/);
});
