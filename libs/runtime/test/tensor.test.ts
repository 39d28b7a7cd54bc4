import { create } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  inputsOf,
  outputsOf,
  parseExact,
  readJson,
  readRaw,
  requestOf,
  responseOf,
  type Tensor,
  writeJson,
  writeRaw,
} from '../src/mod.js';

const place = { name: 'x', model: 'm' } as const;

describe('exact JSON', () => {
  test('integers keep every digit, fractions and strings are as JSON.parse gives them', () => {
    expect(parseExact('[9007199254740993, -9223372036854775808, 1.12345678901234567890, 1e21, 12]')).toEqual([
      9007199254740993n,
      -9223372036854775808n,
      1.1234567890123457,
      1e21,
      12,
    ]);
    expect(parseExact('{"a 9007199254740993":"say \\"9007199254740993\\"","b":9007199254740993}')).toEqual({
      'a 9007199254740993': 'say "9007199254740993"',
      b: 9007199254740993n,
    });
    expect(() => parseExact('[12345678901234567890')).toThrow(SyntaxError);
  });

  test('any JSON value reads as JSON.parse reads it, but for long integers', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const widened = JSON.stringify(parseExact(text), (_key, item: unknown) =>
          typeof item === 'bigint' ? Number(item) : item,
        );
        expect(JSON.parse(widened)).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('JSON tensors', () => {
  test('nested or flat data is the same tensor', () => {
    const flat = readJson({ ...place, datatype: 'FP64', shape: [2, 2], data: [1, 2, 3, 4] });
    expect(
      readJson({
        ...place,
        datatype: 'FP64',
        shape: [2, 2],
        data: [
          [1, 2],
          [3, 4],
        ],
      }),
    ).toEqual(flat);
  });

  test('a text keeps its byte order mark, as it does in JSON', () => {
    const data = ['\ufeffa', '\ufeff', 'b'];
    const raw = { ...place, datatype: 'BYTES', shape: [3] } as const;
    expect(readRaw(raw, writeRaw(data)).data).toEqual(data);
  });

  test('INT64 goes in and out exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (values) => {
        const text = `[${values.join(',')}]`;
        const tensor = readJson({
          ...place,
          datatype: 'INT64',
          shape: [values.length],
          data: parseExact(text),
        });
        expect(writeJson(tensor)).toBe(text);
      }),
    );
  });

  test.each([
    ['INT8', [128], 'a whole number of -128 to 127'],
    ['UINT64', [-1], 'a whole number of 0 to'],
    ['INT32', [1.5], 'a whole number'],
    ['FP64', ['1'], 'a number'],
    ['FP64', [null], 'a number'],
    ['BOOL', [1], 'true or false'],
    ['BYTES', [1], 'a string'],
  ] as const)('%s refuses %j', (datatype, data, wanted) => {
    expect(() => readJson({ ...place, datatype, shape: [1], data })).toThrow(
      `element 0 of input 'x' must be ${wanted}`,
    );
  });

  test('what JSON cannot hold is refused with the way out', () => {
    expect(() => readJson({ ...place, datatype: 'FP16', shape: [1], data: [1] })).toThrow(
      'receiving FP16 data via JSON is not supported. Please use the binary data format for input x',
    );
    expect(() =>
      writeJson({ ...place, datatype: 'FP64', shape: [1], data: Float64Array.of(Number.NaN) }),
    ).toThrow('ask for binary data');
    let deep: unknown = 1;
    for (let at = 0; at < 101; at++) deep = [deep];
    expect(() => readJson({ ...place, datatype: 'FP64', shape: [1], data: deep })).toThrow(
      'JSON nesting depth',
    );
  });
});

describe('raw tensors', () => {
  const tensors: Tensor[] = [
    { name: 'n', datatype: 'FP64', shape: [2, 1], data: Float64Array.of(1.5, Number.NaN) },
    { name: 't', datatype: 'BYTES', shape: [3, 1], data: ['', 'é', 'ab'] },
    { name: 'i', datatype: 'INT64', shape: [1], data: BigInt64Array.of(2n ** 63n - 1n) },
    { name: 'h', datatype: 'FP16', shape: [1], data: Uint16Array.of(0x3c00) },
    { name: 'e', datatype: 'FP32', shape: [0, 4], data: new Float32Array() },
  ];

  test('bytes read back as the tensor they were written from, at any alignment', () => {
    for (const tensor of tensors) {
      const raw = writeRaw(tensor.data);
      const shifted = new Uint8Array(raw.length + 1);
      shifted.set(raw, 1);
      expect(readRaw({ ...tensor, model: 'm' }, shifted.subarray(1))).toEqual(tensor);
    }
  });

  test('sizes that do not fit are refused in the words clients look for', () => {
    expect(() => readRaw({ ...place, datatype: 'FP32', shape: [2] }, new Uint8Array(7))).toThrow(
      "input byte size mismatch for input 'x' for model 'm'. Expected 8, got 7",
    );
    const two = writeRaw(['a', 'b']);
    expect(() => readRaw({ ...place, datatype: 'BYTES', shape: [3] }, two)).toThrow(
      "expected 3 string elements for inference input 'x' for model 'm', got 2",
    );
    expect(() => readRaw({ ...place, datatype: 'BYTES', shape: [1] }, two)).toThrow(
      "unexpected number of string elements 2 for inference input 'x' for model 'm', expecting 1",
    );
    expect(() => readRaw({ ...place, datatype: 'BYTES', shape: [1] }, two.subarray(0, 3))).toThrow(
      'incomplete string',
    );
    expect(() => readRaw({ ...place, datatype: 'FP32', shape: [2 ** 30, 2 ** 30] }, two)).toThrow(
      'causes total element count to exceed maximum size of',
    );
  });

  test('requests and responses carry tensors whole', () => {
    expect(inputsOf(requestOf(tensors, { modelName: 'm' }))).toEqual(tensors);
    const head = { modelName: 'm', modelVersion: '1', id: 'i' };
    expect(outputsOf(responseOf(tensors, head))).toEqual(tensors);
    const typed = responseOf(tensors.slice(0, 3), { ...head, typed: true });
    expect(typed.rawOutputContents).toEqual([]);
    expect(typed.outputs[2]?.contents?.int64Contents).toEqual([2n ** 63n - 1n]);
  });

  test('typed contents must belong to the datatype, and raw and typed do not mix', () => {
    const request = (init: Parameters<typeof create<typeof oip.ModelInferRequestSchema>>[1]) =>
      create(oip.ModelInferRequestSchema, init);
    const input = { name: 'x', datatype: 'FP32', shape: [1n] };
    expect(() =>
      inputsOf(request({ modelName: 'm', inputs: [{ ...input, contents: { fp64Contents: [1] } }] })),
    ).toThrow("unexpected explicit tensor data for input tensor 'x'");
    expect(() =>
      inputsOf(
        request({
          modelName: 'm',
          inputs: [{ ...input, contents: { fp32Contents: [1] } }],
          rawInputContents: [new Uint8Array(4)],
        }),
      ),
    ).toThrow("contents field must not be specified when using raw_input_contents for 'x' for model 'm'");
    expect(() =>
      inputsOf(request({ modelName: 'm', inputs: [input, input], rawInputContents: [new Uint8Array(4)] })),
    ).toThrow('the number of inputs (2) does not match the expected number of raw input contents (1)');
    expect(() =>
      inputsOf(
        request({
          modelName: 'm',
          inputs: [{ ...input, datatype: 'INT8', contents: { intContents: [300] } }],
        }),
      ),
    ).toThrow("element 0 of input 'x' does not fit INT8: 300");
  });
});
