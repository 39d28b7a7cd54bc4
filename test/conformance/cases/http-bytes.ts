import { expect, test } from 'vitest';
import { readInference } from '../wire/http-wire.js';
import { encode } from '../wire/values.js';
import { errorOf, type HttpWireOf, inferBy, inference, json } from './http-shared.js';
import { tensor } from './shared.js';

/** Tensors as bytes behind the JSON. */
export function httpBytesCases(wire: HttpWireOf): void {
  const infer = inferBy(wire);
  const bytes = encode('INT32', inference.inputs[0]?.data ?? []);
  const binary = (size = bytes.length) =>
    json({
      inputs: inference.inputs.map(({ data: _data, ...input }) => ({
        ...input,
        parameters: { binary_data_size: size },
      })),
    });
  const lengthOf = (head: Buffer) => ({ 'inference-header-content-length': String(head.length) });

  test('answers as JSON where bytes are not asked for', async () => {
    const answer = await infer(Buffer.concat([binary(), bytes, bytes]), lengthOf(binary()));
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(readInference(answer).outputs[1]?.data.every((value) => value === 0)).toBe(true);
  });

  test('one output as bytes and one as JSON', async () => {
    const outputs = [{ name: 'OUTPUT0', parameters: { binary_data: true } }, { name: 'OUTPUT1' }];
    const answer = await infer(json({ ...inference, outputs }));
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    const length = Number(answer.headers['inference-header-content-length']);
    expect(answer.body.length - length).toBe(64);
    const told = JSON.parse(answer.body.toString('utf8', 0, length)) as { outputs: object[] };
    expect(told.outputs[0]).toMatchObject({ parameters: { binary_data_size: 64 } });
    expect(told.outputs[1]).toHaveProperty('data');
    expect(readInference(answer).outputs[0]?.data.slice(0, 3)).toEqual([1, 2, 3]);
  });

  test('an output says for itself that it is not bytes', async () => {
    const outputs = [{ name: 'OUTPUT0', parameters: { binary_data: false } }];
    const asked = { ...inference, outputs, parameters: { binary_data_output: true } };
    expect((await infer(json(asked))).headers['content-type']).toMatch(/^application\/json/);
  });

  test.each([
    ['99999', /inference header size should be in range \(0, \d+\), got: 99999/],
    ['-1', /inference header size should be in range/],
    ['abc', /./],
    ['1.5', /./],
  ])('a header length of %s is refused', async (length, words) => {
    const answer = await infer(Buffer.concat([binary(), bytes, bytes]), {
      'inference-header-content-length': length,
    });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatch(words);
  });

  test('bytes left over are refused', async () => {
    const answer = await infer(Buffer.concat([binary(), bytes, bytes, Buffer.alloc(3)]), lengthOf(binary()));
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatch(/unexpected additional input data for model 'add_sub'/);
  });

  test('bytes too few are refused', async () => {
    const answer = await infer(Buffer.concat([binary(), bytes]), lengthOf(binary()));
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatch(
      /unexpected size for input 'INPUT1', expecting 64 additional bytes for model 'add_sub'/,
    );
  });

  test.each([-1, 1.5, 2 ** 40])('a binary_data_size of %s is refused', async (size) => {
    const answer = await infer(Buffer.concat([binary(size), bytes, bytes]), lengthOf(binary(size)));
    expect(answer.status).toBe(400);
  });
}

/** Raw requests: nothing but bytes. */
export function httpRawCases(wire: HttpWireOf): void {
  const infer = inferBy(wire);
  const raw = { 'inference-header-content-length': '0' };

  test('name, datatype and shape are the model’s, and the answer is bytes', async () => {
    const answer = await infer(encode('FP32', [1, 2.5, -3]), raw, 'identity_fp32');
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(readInference(answer).outputs).toEqual([tensor('FP32', [1, 3], [1, 2.5, -3], 'OUTPUT0')]);
  });

  test('a text is its own length', async () => {
    const answer = await infer(Buffer.from('naïve'), raw, 'text');
    expect(readInference(answer).outputs[0]?.data).toEqual(['naïve']);
  });

  test('a fixed shape is filled', async () => {
    const answer = await infer(encode('INT64', [1n, 2n, 3n, 4n, 5n, 6n]), raw, 'fixed');
    expect(readInference(answer).outputs[0]?.shape).toEqual([2, 3]);
  });

  test.each([
    [
      'two inputs',
      'add_sub',
      /Raw request must only have 1 input \(found 1\) to be deduced but got 2 inputs in 'add_sub' model configuration/,
    ],
    [
      'two open dimensions',
      'open',
      /The shape of the raw input 'INPUT0' can not be deduced because there are more than one variable-sized dimension/,
    ],
    ['bytes that are no numbers', 'identity_fp32', /byte size mismatch/],
    ['bytes too few for a fixed shape', 'fixed', /byte size mismatch/],
  ])('%s cannot be guessed', async (_what, model, words) => {
    const answer = await infer(Buffer.alloc(7), raw, model);
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatch(words);
  });
}
