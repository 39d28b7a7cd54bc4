import type { Tensor } from '@perennial/runtime';
import { expect, test } from 'vitest';
import { readInferenceBody, writeInferenceBody } from '../../src/protocol/json-body.js';
import { pickOutputs } from '../../src/protocol/outputs.js';
import type { InferenceResponse } from '../../src/protocol/request.js';

const utf8 = (value: unknown) => Buffer.from(JSON.stringify(value));
const prediction: Tensor = {
  name: 'prediction',
  datatype: 'FP64',
  shape: [2, 1],
  data: new Float64Array([1.5, -2]),
};
const answer = (id: string, isBinary: boolean): InferenceResponse => ({
  id,
  model: 'heat',
  version: '3',
  predictionId: 'p1',
  outputs: [{ tensor: prediction, isBinary }],
});

test('a JSON body is read with its id, its event time and its outputs', () => {
  const ask = readInferenceBody(
    utf8({
      id: 'mine',
      parameters: { event_time: '2012-04-01' },
      inputs: [{ name: 'wind', datatype: 'FP64', shape: [2, 1], data: [[1], [2.5]] }],
      outputs: [{ name: 'prediction' }],
    }),
    undefined,
    'heat',
  );
  expect(ask.id).toBe('mine');
  expect(ask.parameters.eventTime).toBe('2012-04-01');
  expect(ask.outputs).toEqual([{ name: 'prediction', isBinary: undefined, classes: 0 }]);
  expect(ask.inputs[0]?.data).toEqual(new Float64Array([1, 2.5]));
});

test('tensors may follow the JSON as bytes', () => {
  const json = utf8({
    inputs: [
      { name: 'a', datatype: 'FP64', shape: [1], parameters: { binary_data_size: 8 } },
      { name: 'b', datatype: 'FP64', shape: [1], data: [4] },
    ],
  });
  const tail = new Uint8Array(new Float64Array([3]).buffer);
  const { inputs } = readInferenceBody(Buffer.concat([json, tail]), String(json.length), 'heat');
  expect(inputs.map(({ data }) => data[0])).toEqual([3, 4]);
});

test('an answer is JSON, or JSON with bytes behind it where that was asked for', () => {
  const plain = writeInferenceBody(answer('', false));
  expect(plain.headerLength).toBeUndefined();
  expect(JSON.parse(plain.body as string)).toEqual({
    model_name: 'heat',
    model_version: '3',
    parameters: { prediction_id: 'p1' },
    outputs: [{ name: 'prediction', datatype: 'FP64', shape: [2, 1], data: [1.5, -2] }],
  });
  const { body, headerLength } = writeInferenceBody(answer('mine', true));
  const head = JSON.parse(
    Buffer.from(body as Uint8Array)
      .subarray(0, headerLength)
      .toString(),
  );
  expect(head.id).toBe('mine');
  expect(head.outputs[0].parameters.binary_data_size).toBe(16);
  expect((body as Uint8Array).length - (headerLength ?? 0)).toBe(16);
});

test.each([
  ['no object', utf8([]), undefined, /JSON object/],
  ['no JSON', Buffer.from('{'), undefined, /failed to parse the request JSON/],
  ['no inputs', utf8({}), undefined, /must be a list of tensors/],
  [
    'data twice',
    utf8({
      inputs: [{ name: 'a', datatype: 'FP64', shape: [1], data: [1], parameters: { binary_data_size: 8 } }],
    }),
    undefined,
    /Input must set only one/,
  ],
  ['a header over the end', utf8({}), '99', /inference header size should be in range/],
  [
    'bytes too many',
    Buffer.concat([utf8({ inputs: [] }), Buffer.alloc(3)]),
    '13',
    /unexpected additional input data/,
  ],
  [
    'bytes too few',
    utf8({ inputs: [{ name: 'a', datatype: 'FP64', shape: [1], parameters: { binary_data_size: 8 } }] }),
    undefined,
    /expecting 8 additional bytes/,
  ],
])('%s is refused in the words of the protocol', (_what, body, headerLength, words) => {
  expect(() => readInferenceBody(body, headerLength, 'heat')).toThrow(words);
});

test('an output that the model does not have is refused', () => {
  expect(() => pickOutputs([prediction], ['other'], 'heat')).toThrow(/unexpected inference output 'other'/);
});

const head = { name: 'a', shape: [2] };
const inputsOf = (text: string) => readInferenceBody(Buffer.from(text), undefined, 'heat').inputs;

test('integers of 64 bits keep every digit, and only they are read a second time', () => {
  const [a, b] = inputsOf(
    '{"id":"12345678901234567890","inputs":[' +
      '{"name":"a","datatype":"UINT64","shape":[2],"data":[18446744073709551615,0]},' +
      '{"name":"b","datatype":"INT64","shape":[1,2],"data":[[-9223372036854775808,9007199254740993]]}]}',
  );
  expect(a?.data).toEqual(new BigUint64Array([2n ** 64n - 1n, 0n]));
  expect(b?.data).toEqual(new BigInt64Array([-(2n ** 63n), 9007199254740993n]));
});

test.each([
  ['an integer that lost digits on its way', { ...head, datatype: 'INT64', data: [1e21, 2] }, /digits alone/],
  ['a number over FP32', { ...head, datatype: 'FP32', data: [1e39, 0] }, /a finite FP32/],
  ['a list where numbers are', { ...head, datatype: 'FP64', data: [1, [2]] }, /must be a number/],
  [
    'a shape of half a row',
    { ...head, shape: [1.5], datatype: 'FP64', data: [1] },
    /Unable to parse 'shape'/,
  ],
  [
    'a shape that no body holds',
    { ...head, shape: [2 ** 30], datatype: 'FP64', data: [1] },
    /does not match true shape/,
  ],
  [
    'shared memory',
    { ...head, datatype: 'FP64', data: [1, 2], parameters: { shared_memory_region: 'r' } },
    /shared memory/,
  ],
])('%s is refused', (_what, input, words) => {
  expect(() => inputsOf(JSON.stringify({ inputs: [input] }))).toThrow(words);
});

test.each([99_000, 150])(
  '%i lists in one another are refused in the words of the protocol, whatever they are',
  (depth) => {
    const nested = '['.repeat(depth) + ']'.repeat(depth);
    for (const body of [
      `{"inputs":${nested}}`,
      `{"inputs":[{"name":"a","datatype":"FP64","shape":[1],"data":${nested}}]}`,
    ]) {
      expect(() => inputsOf(body)).toThrow(/JSON nesting depth exceeds maximum allowed limit \(100\)/);
    }
  },
);
