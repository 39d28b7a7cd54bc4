import { describe, expect, test } from 'vitest';
import { identityOf, type ModelDatatype } from '../models.js';
import type { WireKind } from '../server.js';
import { type Datatype, encode } from '../wire/values.js';
import { given, type InferRequest } from '../wire/wire.js';
import { addSubRequest, edgeTensor, expectRefused, tensor, type WireOf } from './shared.js';

const refused = 'INVALID_ARGUMENT';
const ones = Array.from({ length: 16 }, () => 1);
const numbers = (name: string, over: Partial<InferRequest['inputs'][number]> = {}) => ({
  ...tensor('INT32', [1, 16], ones, name),
  ...over,
});
const both = [numbers('INPUT0'), numbers('INPUT1')];

/** What does not fit the model, whatever it came over: never answered, never an error of the server. */
const wrong: readonly [string, InferRequest, RegExp?][] = [
  ['no input', { model: 'add_sub', inputs: [] }, /expected 2 inputs but got 0/],
  ['an input too few', { model: 'add_sub', inputs: [numbers('INPUT0')] }, /expected 2 inputs but got 1/],
  ['an input too many', { model: 'add_sub', inputs: [...both, numbers('INPUT2')] }, /INPUT2/],
  [
    'an input of another name',
    { model: 'add_sub', inputs: [numbers('INPUT0'), numbers('OTHER')] },
    /unexpected inference input 'OTHER'/,
  ],
  ['an input twice', { model: 'add_sub', inputs: [numbers('INPUT0'), numbers('INPUT0')] }, /INPUT0/],
  [
    'an output that is not there',
    addSubRequest(1, { outputs: [{ name: 'OUTPUT9' }] }),
    /unexpected inference output 'OUTPUT9'/,
  ],
  ['an output twice', addSubRequest(1, { outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }] }), /OUTPUT0/],
  [
    'a shape of too few columns',
    {
      model: 'add_sub',
      inputs: [
        numbers('INPUT0', { shape: [1, 8], data: ones.slice(8) }),
        numbers('INPUT1', { shape: [1, 8], data: ones.slice(8) }),
      ],
    },
    /shape/,
  ],
  [
    'a shape of another rank',
    { model: 'add_sub', inputs: [numbers('INPUT0', { shape: [16] }), numbers('INPUT1', { shape: [16] })] },
    /shape/,
  ],
  [
    'another number of rows in each input',
    {
      model: 'add_sub',
      inputs: [numbers('INPUT0'), numbers('INPUT1', { shape: [2, 16], data: [...ones, ...ones] })],
    },
  ],
  ['a parameter that is reserved', addSubRequest(1, { parameters: { triton_secret: true } }), /reserved/],
  ['headers as a parameter', addSubRequest(1, { parameters: { headers: 'x' } })],
  ['a priority that is a text', addSubRequest(1, { parameters: { priority: 'high' } }), /priority/],
  ['a timeout that is a text', addSubRequest(1, { parameters: { timeout: 'soon' } }), /timeout/],
  ['a timeout below 0', addSubRequest(1, { parameters: { timeout: -5 } })],
  [
    'shared memory for an output',
    addSubRequest(1, {
      outputs: [{ name: 'OUTPUT0', parameters: { shared_memory_region: 'r', shared_memory_byte_size: 64 } }],
    }),
  ],
];

const outOfRange: readonly [Datatype, number | bigint | string | boolean][] = [
  ['UINT8', 256],
  ['UINT8', -1],
  ['UINT16', 65_536],
  ['UINT16', -1],
  ['INT8', 128],
  ['INT8', -129],
  ['INT16', 32_768],
  ['INT16', -32_769],
];

/** Typed contents share a field of 32 bits with the smaller datatypes; there these cannot even be written. */
const outOfRangeOfJson: readonly [Datatype, unknown][] = [
  ['UINT32', 2 ** 32],
  ['UINT32', -1],
  ['INT32', 2 ** 31],
  ['INT32', -(2 ** 31) - 1],
  ['UINT64', 2n ** 64n],
  ['UINT64', -1],
  ['INT64', 2n ** 63n],
  ['INT64', -(2n ** 63n) - 1n],
  ['INT8', 1.5],
  ['INT32', 0.1],
  ['INT64', 1.5],
  ['INT64', 1e21],
  ['FP32', 1e39],
  ['INT32', '1'],
  ['INT64', '1'],
  ['INT32', true],
  ['INT32', null],
  ['FP32', '1.5'],
  ['FP32', true],
  ['FP32', null],
  ['FP64', 'NaN'],
  ['FP64', [1]],
  ['FP64', {}],
  ['BOOL', 1],
  ['BOOL', 0],
  ['BOOL', 'true'],
  ['BOOL', null],
  ['BYTES', 1],
  ['BYTES', true],
  ['BYTES', null],
];

export function refusalCases(wire: WireOf, kind: WireKind): void {
  test.each(wrong)('%s is refused', async (_what, request, words) => {
    expectRefused(await wire().infer(request), refused, words);
  });

  test('a model that is not there', async () => {
    expectRefused(
      await wire().infer(addSubRequest(1, { model: 'no_such_model' })),
      'NOT_FOUND',
      /unknown model: 'no_such_model'/,
    );
  });

  test('a version that is not there', async () => {
    expectRefused(await wire().infer(addSubRequest(1, { version: '987654' })), 'NOT_FOUND', /unknown model/);
  });

  test.each(['INT64', 'FP32', 'UINT32', 'BOOL'])(
    '%s where the model takes INT32 is refused',
    async (datatype) => {
      const data =
        datatype === 'INT64' ? ones.map(BigInt) : datatype === 'BOOL' ? ones.map(() => true) : ones;
      const inputs = ['INPUT0', 'INPUT1'].map((name) => tensor(datatype, [1, 16], data, name));
      expectRefused(await wire().infer({ model: 'add_sub', inputs }), refused, /data-type|datatype/);
    },
  );

  test.each(['FLOAT', 'int32', '', 'STRING', 'FP8'])(
    'the datatype %j, which there is not, is refused',
    async (datatype) => {
      const inputs = [{ name: 'INPUT0', datatype, shape: [1, 2], bytes: Buffer.alloc(8) }];
      expectRefused(await wire().inferRaw({ model: 'identity_fp32', inputs }), refused);
    },
  );

  if (kind.isBinary) rawRefusals(wire);
  else jsonRefusals(wire);

  const narrow = kind.isBinary && !kind.name.includes('typed') ? [] : outOfRange;
  test.each(narrow)('%s: %s is out of its range and refused', async (datatype, value) => {
    const asked = {
      model: identityOf(datatype as ModelDatatype),
      inputs: [tensor(datatype, [1, 2], [1, value])],
    };
    expectRefused(await wire().infer(asked), refused, /INPUT0/);
  });

  test('a request that is refused leaves the next one alone', async () => {
    expectRefused(await wire().infer({ model: 'add_sub', inputs: [] }), refused);
    expect(given(await wire().infer(addSubRequest())).outputs.length).toBe(2);
  });
}

function jsonRefusals(wire: WireOf): void {
  test.each(outOfRangeOfJson)('%s: %s is none and refused', async (datatype, value) => {
    const good = edgeTensor(datatype as 'INT32').data[0] as number;
    const inputs = [tensor(datatype, [1, 2], [good, value as number])];
    expectRefused(
      await wire().infer({ model: identityOf(datatype as ModelDatatype), inputs }),
      refused,
      /INPUT0/,
    );
  });

  test.each([
    ['elements too few', [1, 3], [1, 2]],
    ['elements too many', [1, 1], [1, 2]],
    ['no elements', [1, 1], []],
  ])('%s are refused', async (_what, shape, data) => {
    const asked = { model: 'identity_fp32', inputs: [tensor('FP32', shape, data)] };
    expectRefused(
      await wire().infer(asked),
      [refused, 'INTERNAL'],
      /Shape does not match true shape of 'data' field/,
    );
  });

  test.each([[[1, -5]], [[1.5, 2]], [[2 ** 40, 2 ** 40]], [[2 ** 31, 4]]])(
    'the shape %j is refused',
    async (shape) => {
      const asked = { model: 'identity_fp32', inputs: [tensor('FP32', shape, [1, 2])] };
      expectRefused(await wire().infer(asked), [refused, 'INTERNAL']);
    },
  );
}

function rawRefusals(wire: WireOf): void {
  describe('bytes that do not fit', () => {
    test.each(['BOOL', 'INT8', 'INT16', 'FP16', 'INT32', 'FP32', 'INT64', 'FP64', 'UINT64'] as const)(
      '%s: a byte more or less than the shape says is refused',
      async (datatype) => {
        const { data, shape } = edgeTensor(datatype);
        const bytes = encode(datatype, data);
        for (const wrongBytes of [
          bytes.subarray(1),
          Buffer.concat([bytes, Buffer.alloc(1)]),
          Buffer.alloc(0),
        ]) {
          const inputs = [{ name: 'INPUT0', datatype, shape, bytes: wrongBytes }];
          const answer = await wire().inferRaw({ model: identityOf(datatype), inputs });
          expectRefused(answer, refused, /input byte size mismatch for input 'INPUT0' for model/);
        }
      },
    );

    const texts = encode('BYTES', ['one', 'two']);
    test.each([
      [
        'a text too few',
        [1, 3],
        texts,
        /expected 3 string elements for inference input 'INPUT0' for model 'identity_bytes', got 2/,
      ],
      [
        'a text too many',
        [1, 1],
        texts,
        /unexpected number of string elements 2 for inference input 'INPUT0' for model 'identity_bytes', expecting 1/,
      ],
      ['a text that is cut off', [1, 2], texts.subarray(0, texts.length - 1), /string/],
      ['a length that is cut off', [1, 2], Buffer.concat([texts, Buffer.alloc(2)]), /string/],
      ['a length of four billion', [1, 1], Buffer.from([0xff, 0xff, 0xff, 0xff, 1]), /string/],
      ['no bytes', [1, 2], Buffer.alloc(0), /string/],
    ] as const)('%s is refused', async (_what, shape, bytes, words) => {
      const inputs = [{ name: 'INPUT0', datatype: 'BYTES', shape, bytes }];
      expectRefused(await wire().inferRaw({ model: 'identity_bytes', inputs }), refused, words);
    });

    test.each([[[1, -5]], [[2 ** 40, 2 ** 40]], [[2 ** 31, 4]], [[-1, 2]]])(
      'the shape %j is refused',
      async (shape) => {
        const inputs = [{ name: 'INPUT0', datatype: 'FP32', shape, bytes: Buffer.alloc(8) }];
        expectRefused(await wire().inferRaw({ model: 'identity_fp32', inputs }), [refused, 'INTERNAL']);
      },
    );

    test('rows of no bytes at all are answered with as many', async () => {
      const inputs = [{ name: 'INPUT0', datatype: 'FP32', shape: [0, 4], bytes: Buffer.alloc(0) }];
      const answer = await wire().inferRaw({ model: 'identity_fp32', inputs });
      if (answer.ok) expect(answer.value.outputs[0]?.shape).toEqual([0, 4]);
      else expectRefused(answer, refused);
    });
  });
}
