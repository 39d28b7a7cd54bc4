import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { FeatureInputSchema } from '@perennial/contracts';
import type { Tensor } from '@perennial/runtime';
import { expect, test } from 'vitest';
import { columnsOf, keptColumns, valuesOf } from '../src/columns.js';

const inputs = (...given: MessageInitShape<typeof FeatureInputSchema>[]) =>
  given.map((input) => create(FeatureInputSchema, input));

test("a system's rows become columns: missing numbers are NaN, missing texts are empty", () => {
  const taken = inputs({ name: 'a', datatype: 'FP64' }, { name: 'b', datatype: 'BYTES' });
  expect(columnsOf(taken, [{ a: 1, b: 'x' }, { a: true }, { a: null, b: 5 }])).toEqual([
    { name: 'a', datatype: 'FP64', shape: [3, 1], data: Float64Array.of(1, 1, Number.NaN) },
    { name: 'b', datatype: 'BYTES', shape: [3, 1], data: ['x', '', '5'] },
  ]);
});

test('an imported model takes rows of its own datatypes and shapes, nested as JSON nests them', () => {
  const taken = inputs(
    { name: 'image', datatype: 'UINT8', shape: [-1n, 2n, 2n] },
    { name: 'id', datatype: 'INT64', shape: [-1n, 1n] },
    { name: 'w', datatype: 'FP32', shape: [-1n, 1n] },
  );
  const row = {
    image: [
      [1, 2],
      [3, 255],
    ],
    id: [7],
    w: 0.5,
  };
  expect(columnsOf(taken, [row, { ...row, id: [8], w: null }])).toEqual([
    { name: 'image', datatype: 'UINT8', shape: [2, 2, 2], data: Uint8Array.of(1, 2, 3, 255, 1, 2, 3, 255) },
    { name: 'id', datatype: 'INT64', shape: [2, 1], data: BigInt64Array.of(7n, 8n) },
    { name: 'w', datatype: 'FP32', shape: [2, 1], data: Float32Array.of(0.5, Number.NaN) },
  ]);
});

test.each([
  ['no value', { x: null }, 'FEATURE_INVALID'],
  ['too few elements', { x: [1] }, 'TENSOR_DATA_INVALID'],
  ['a number beyond the datatype', { x: [1, 300] }, 'TENSOR_DATA_INVALID'],
  ['a text', { x: 'a' }, 'TENSOR_DATA_INVALID'],
])('%s for a tensor is refused in the words of its column', (_what, row, code) => {
  const taken = inputs({ name: 'x', datatype: 'UINT8', shape: [-1n, 2n] });
  expect(() => columnsOf(taken, [row])).toThrow(expect.objectContaining({ code }));
});

test('of many rows the one whose value is no such tensor is named', () => {
  const taken = inputs({ name: 'x', datatype: 'FP32', shape: [-1n, 3n] });
  expect(() => columnsOf(taken, [{ x: [1, 2, 3] }, { x: [1, 2] }])).toThrow(
    expect.objectContaining({
      code: 'TENSOR_DATA_INVALID',
      field: 'rows[1].x',
      message: expect.stringMatching(/^rows\[1\]\.x must be FP32 of shape \[3\]: .* has 2 elements/),
    }),
  );
});

test('a shape whose sizes are open but for the rows cannot come as rows', () => {
  const taken = inputs({ name: 'x', datatype: 'FP32', shape: [-1n, -1n] });
  expect(() => columnsOf(taken, [{ x: [1] }])).toThrow(expect.objectContaining({ code: 'FEATURE_INVALID' }));
});

test('of columns the values are kept, of other tensors what they are', () => {
  const tensors: Tensor[] = [
    { name: 'a', datatype: 'FP32', shape: [2, 1], data: Float32Array.of(1.5, Number.NaN) },
    { name: 'b', datatype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) },
    { name: 'c', datatype: 'INT64', shape: [2, 1], data: BigInt64Array.of(5n, -6n) },
    { name: 'd', datatype: 'FP16', shape: [2, 1], data: Uint16Array.of(1, 2) },
    { name: 'e', datatype: 'FP32', shape: [2, 3], data: new Float32Array(6) },
  ];
  expect(keptColumns(tensors, 2, 1)).toEqual([{ a: 1.5, b: false, c: 5, d: 'FP16[2,1]', e: 'FP32[2,3]' }]);
  expect(keptColumns(tensors, 2, 2)[1]).toMatchObject({ a: null, b: true, c: -6 });
});

test('the prediction is the first output where that is one number a row', () => {
  const one: Tensor = { name: 'p', datatype: 'FP32', shape: [2, 1], data: Float32Array.of(1, 2) };
  expect(valuesOf([one], 2)).toEqual([1, 2]);
  expect(valuesOf([{ ...one, shape: [2, 2], data: new Float32Array(4) }], 2)).toEqual([
    Number.NaN,
    Number.NaN,
  ]);
  expect(valuesOf([], 1)).toEqual([Number.NaN]);
});
