import { expect, test } from 'vitest';
import { readInference } from '../wire/http-wire.js';
import { body, errorOf, type HttpWireOf, inferBy, inference, json } from './http-shared.js';

/** Bodies of JSON: what is read, and what is refused. */
export function httpJsonCases(wire: HttpWireOf): void {
  const infer = inferBy(wire);
  test('answers as JSON, without a header of a length', async () => {
    const answer = await infer(body);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.headers['inference-header-content-length']).toBeUndefined();
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
  });

  test('nested data are read as flat ones', async () => {
    const nested = {
      ...inference,
      inputs: inference.inputs.map((input) => ({ ...input, data: [input.data] })),
    };
    expect(readInference(await infer(json(nested))).outputs).toEqual(
      readInference(await infer(body)).outputs,
    );
  });

  test('members that nobody knows are left alone', async () => {
    expect((await infer(json({ ...inference, comment: { any: ['thing'] } }))).status).toBe(200);
  });

  const first = inference.inputs[0] as object;
  const second = inference.inputs[1] as object;
  test.each<[string, unknown]>([
    ['nothing', ''],
    ['a text', '"x"'],
    ['a list', '[]'],
    ['null', 'null'],
    ['half an object', '{"inputs":'],
    ['two objects', '{}{}'],
    ['no inputs', {}],
    ['inputs that are no list', { inputs: { INPUT0: 1 } }],
    ['an input that is null', { inputs: [null, second] }],
    ['an input that is a text', { inputs: ['INPUT0', second] }],
    ['an input without a name', { inputs: [{ ...first, name: undefined }, second] }],
    ['a name that is a number', { inputs: [{ ...first, name: 7 }, second] }],
    ['an input without a datatype', { inputs: [{ ...first, datatype: undefined }, second] }],
    ['an input without a shape', { inputs: [{ ...first, shape: undefined }, second] }],
    ['a shape that is a number', { inputs: [{ ...first, shape: 16 }, second] }],
    ['a shape of texts', { inputs: [{ ...first, shape: ['1', '16'] }, second] }],
    ['an input without data', { inputs: [{ ...first, data: undefined }, second] }],
    ['data that are null', { inputs: [{ ...first, data: null }, second] }],
    ['data that are an object', { inputs: [{ ...first, data: { 0: 1 } }, second] }],
    ['data and bytes', { inputs: [{ ...first, parameters: { binary_data_size: 64 } }, second] }],
    ['parameters that are a list', { ...inference, parameters: [] }],
    ['a parameter that is an object', { ...inference, parameters: { a: {} } }],
    ['a parameter that is null', { ...inference, parameters: { a: null } }],
    ['binary_data_output that is a number', { ...inference, parameters: { binary_data_output: 1 } }],
    ['outputs that are no list', { ...inference, outputs: 'OUTPUT0' }],
    ['an output without a name', { ...inference, outputs: [{}] }],
    [
      'binary_data that is a text',
      { ...inference, outputs: [{ name: 'OUTPUT0', parameters: { binary_data: 'yes' } }] },
    ],
    [
      'a number of classes below 0',
      { ...inference, outputs: [{ name: 'OUTPUT0', parameters: { classification: -1 } }] },
    ],
    ['an id that is a number', { ...inference, id: 7 }],
    ['bytes of UTF-16', Buffer.from('{"inputs":[]}', 'utf16le')],
  ])('%s is refused', async (_what, wrong) => {
    const bytes = Buffer.isBuffer(wrong)
      ? wrong
      : typeof wrong === 'string'
        ? Buffer.from(wrong)
        : json(wrong);
    const answer = await infer(bytes);
    expect(answer.status, answer.body.toString()).toBe(400);
    expect(errorOf(answer)).not.toBe('');
  });

  test.each(['inputs', 'data'])('lists nested a thousand deep in %s are refused', async (where) => {
    const nested = '['.repeat(1_000) + ']'.repeat(1_000);
    const bodies: Record<string, string> = {
      inputs: `{"inputs":${nested}}`,
      data: `{"inputs":[{"name":"INPUT0","datatype":"INT32","shape":[1,16],"data":${nested}}]}`,
    };
    const answer = await infer(Buffer.from(bodies[where] ?? ''));
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatch(/JSON nesting depth exceeds maximum allowed limit \(100\)/);
  });

  test('lists nested a thousand deep where nobody looks are refused or left alone', async () => {
    const deep = `${body.toString().slice(0, -1)},"x":${'['.repeat(1_000)}${']'.repeat(1_000)}}`;
    expect([200, 400]).toContain((await infer(Buffer.from(deep))).status);
  });
}
