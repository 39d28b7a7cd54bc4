import { withstands } from '@perennial/testkit';
import { expect, it } from 'vitest';
import {
  checkModel,
  doubles,
  modelEnds,
  node,
  readGraph,
  readModel,
  tensorAttribute,
  texts,
  writeModel,
} from '../src/mod.js';

const file = writeModel({
  producer: 'test',
  producerVersion: '1',
  opsets: { '': 21, 'ai.onnx.ml': 5 },
  graph: {
    name: 'g',
    inputs: [
      { name: 'x', type: 'double', dims: ['N', 1] },
      { name: 'city', type: 'string', dims: ['N', 1] },
    ],
    outputs: [{ name: 'prediction', type: 'double', dims: ['N', 1] }],
    constants: [doubles('slope', [2])],
    nodes: [
      node(
        'LabelEncoder',
        ['city'],
        'code',
        {
          keys_tensor: tensorAttribute(texts('keys', ['SEA', 'Zürich'])),
          values_tensor: tensorAttribute(doubles('values', [1, 2])),
          default_tensor: tensorAttribute(doubles('default', [-1])),
        },
        'ai.onnx.ml',
      ),
      node('Mul', ['x', 'slope'], 'scaled'),
      node('Add', ['scaled', 'code'], 'prediction'),
    ],
  },
});

it('a model file is refused with a typed error, however it is broken', async () => {
  for (const read of [checkModel, modelEnds]) {
    const seen = await withstands([file], read, { count: 6000 });
    expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(0);
  }
});

it('a graph that no kernel takes, and an outline that is none, end in an error and never in a hang', async () => {
  for (const read of [readGraph, readModel]) {
    const seen = await withstands([file], read, { count: 6000, allowed: [Error] });
    expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(0);
  }
});
