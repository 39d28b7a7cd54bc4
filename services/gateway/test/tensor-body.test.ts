import type { Tensor } from '@perennial/runtime';
import { expect, test } from 'vitest';
import { pickOutputs, readInferenceBody, writeInferenceBody } from '../src/tensor-body.js';

const utf8 = (value: unknown) => Buffer.from(JSON.stringify(value));
const prediction: Tensor = {
  name: 'prediction',
  datatype: 'FP64',
  shape: [2, 1],
  data: new Float64Array([1.5, -2]),
};
const answer = { model: 'heat', version: 3, predictionId: 'p1', outputs: [prediction] };

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
  expect(ask.eventTime).toBe('2012-04-01');
  expect(ask.outputNames).toEqual(['prediction']);
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
  const plain = writeInferenceBody({ id: '', outputs: [], isBinary: false }, answer);
  expect(plain.headerLength).toBeUndefined();
  expect(JSON.parse(plain.body as string)).toEqual({
    model_name: 'heat',
    model_version: '3',
    parameters: { prediction_id: 'p1' },
    outputs: [{ name: 'prediction', datatype: 'FP64', shape: [2, 1], data: [1.5, -2] }],
  });
  const { body, headerLength } = writeInferenceBody({ id: 'mine', outputs: [], isBinary: true }, answer);
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
  ['no inputs', utf8({}), undefined, /inputs must be a list/],
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
