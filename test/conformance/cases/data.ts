import { expect, test } from 'vitest';
import { identityOf, modelDatatypes } from '../models.js';
import type { WireKind } from '../server.js';
import { bitsOf, type Values } from '../wire/values.js';
import { given } from '../wire/wire.js';
import {
  addSubRequest,
  beyondJsonTensor,
  edgeTensor,
  expectRefused,
  outputOf,
  tensor,
  type WireOf,
} from './shared.js';

/** Every datatype comes back as it went, bit for bit. */
export function dataCases(wire: WireOf, { isBinary }: WireKind): void {
  const carried = modelDatatypes.filter((datatype) => isBinary || datatype !== 'FP16');

  test.each(carried)('%s: the ends of its range come back exactly', async (datatype) => {
    const input = edgeTensor(datatype);
    const output = outputOf(given(await wire().infer({ model: identityOf(datatype), inputs: [input] })));
    expect(output.datatype).toBe(datatype);
    expect(output.shape).toEqual(input.shape);
    expect(bitsOf(output)).toBe(bitsOf(input));
  });

  test.each(carried)('%s: rows keep their order and shape', async (datatype) => {
    const input = edgeTensor(datatype, 2);
    const output = outputOf(given(await wire().infer({ model: identityOf(datatype), inputs: [input] })));
    expect(output.shape).toEqual(input.shape);
    expect(bitsOf(output)).toBe(bitsOf(input));
  });

  test.each(carried)('%s: 300 rows', async (datatype) => {
    const { data } = edgeTensor(datatype);
    const many: Values = Array.from({ length: 300 * 2 }, (_, at) => data[at % data.length] as number);
    const input = tensor(datatype, [300, 2], many);
    const output = outputOf(given(await wire().infer({ model: identityOf(datatype), inputs: [input] })));
    expect(output.shape).toEqual([300, 2]);
    expect(bitsOf(output)).toBe(bitsOf(input));
  });

  oddCases(wire, isBinary);
  requestCases(wire);
}

/** What JSON has no word for. */
function oddCases(wire: WireOf, isBinary: boolean): void {
  const odd = isBinary ? (['FP16', 'FP32', 'FP64'] as const) : [];
  test.each(odd)('%s: NaN, infinities and -0 come back', async (datatype) => {
    const input = beyondJsonTensor(datatype);
    const output = outputOf(given(await wire().infer({ model: identityOf(datatype), inputs: [input] })));
    expect(bitsOf(output)).toBe(bitsOf(input));
  });

  if (isBinary) {
    test('an infinity of the model comes', async () => {
      const asked = { model: 'reciprocal', inputs: [tensor('FP32', [2, 1], [0, 4])] };
      expect(outputOf(given(await wire().infer(asked))).data).toEqual([Number.POSITIVE_INFINITY, 0.25]);
    });
  } else {
    test('an infinity of the model is refused, naming the way out', async () => {
      const asked = { model: 'reciprocal', inputs: [tensor('FP32', [2, 1], [0, 4])] };
      expectRefused(await wire().infer(asked), 'INVALID_ARGUMENT', /binary/);
    });

    test('FP16 is refused, naming the way out', async () => {
      const asked = { model: 'identity_fp16', inputs: [edgeTensor('FP16')] };
      const words =
        /receiving FP16 data via JSON is not supported. Please use the binary data format for input INPUT0/;
      expectRefused(await wire().infer(asked), 'INVALID_ARGUMENT', words);
    });
  }
}

/** Shapes, names, ids and versions. */
function requestCases(wire: WireOf): void {
  test('no dimension of rows', async () => {
    const input = tensor('INT64', [2, 3], [1n, -2n, 3n, -4n, 5n, -6n]);
    const output = outputOf(given(await wire().infer({ model: 'fixed', inputs: [input] })));
    expect(output).toEqual({ ...input, name: 'OUTPUT0' });
  });

  test('three dimensions', async () => {
    const input = tensor('FP32', [2, 1, 3], [1, 2, 3, 4, 5, 6]);
    const output = outputOf(given(await wire().infer({ model: 'open', inputs: [input] })));
    expect(output).toEqual({ ...input, name: 'OUTPUT0' });
  });

  test('two inputs and two outputs, which are told apart by name', async () => {
    const [a, b] = addSubRequest().inputs;
    if (!a || !b) throw new Error('two inputs');
    const response = given(await wire().infer(addSubRequest(1, { inputs: [b, a] })));
    expect(outputOf(response, 'OUTPUT0').data).toEqual(a.data.map((value) => Number(value) + 1));
    expect(outputOf(response, 'OUTPUT1').data).toEqual(a.data.map((value) => Number(value) - 1));
  });

  test('all outputs come where none is named', async () => {
    const { outputs } = given(await wire().infer(addSubRequest()));
    expect(outputs.map(({ name }) => name).sort()).toEqual(['OUTPUT0', 'OUTPUT1']);
  });

  test.each([[['OUTPUT1']], [['OUTPUT1', 'OUTPUT0']]])(
    'outputs %j come alone and in their order',
    async (names) => {
      const asked = addSubRequest(2, { outputs: names.map((name) => ({ name })) });
      const { outputs } = given(await wire().infer(asked));
      expect(outputs.map(({ name }) => name)).toEqual(names);
    },
  );

  test.each(['42', 'ünïcode "id"', 'x'.repeat(1_000)])('the id %j comes back', async (id) => {
    expect(given(await wire().infer(addSubRequest(1, { id }))).id).toBe(id);
  });

  test('an answer names model and version', async () => {
    const { versions } = given(await wire().modelMetadata('add_sub'));
    const response = given(await wire().infer(addSubRequest(1, { version: versions[0] })));
    expect(response.model).toBe('add_sub');
    expect(response.version).toBe(versions[0]);
  });

  test('sixteen requests at a time are each given their own answer', async () => {
    const asked = Array.from({ length: 64 }, async (_, at) => {
      const rows = 1 + (at % 5);
      const input = tensor(
        'INT64',
        [rows, 2],
        Array.from({ length: rows * 2 }, (_e, of) => BigInt(at * 1_000 + of)),
      );
      const response = given(await wire().infer({ model: 'identity_int64', id: `r${at}`, inputs: [input] }));
      expect(response.id).toBe(`r${at}`);
      expect(outputOf(response)).toEqual({ ...input, name: 'OUTPUT0' });
    });
    await Promise.all(asked);
  });
}
