import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Server } from '../server.js';
import type { HttpAnswer } from '../wire/http.js';
import { type HttpWire, jsonText, readInference } from '../wire/http-wire.js';
import { encode } from '../wire/values.js';
import { given } from '../wire/wire.js';
import { addSubRequest, tensor } from './shared.js';

const MiB = 1024 * 1024;
const json = (value: unknown) => Buffer.from(jsonText(value));
const errorOf = ({ body }: HttpAnswer) => String((JSON.parse(body.toString()) as { error?: unknown }).error);

/** What only HTTP has: paths, methods, headers, bodies of text and bytes, compression. */
export function httpCases(wire: () => HttpWire, server: () => Server): void {
  const { model: _model, ...inference } = addSubRequest();
  const body = json(inference);
  const infer = (bytes: Buffer, headers: Record<string, string> = {}, model = 'add_sub') =>
    wire().send('POST', `/v2/models/${model}/infer`, bytes, headers);

  describe('paths and methods', () => {
    test.each([
      '/v2/nothing',
      '/v2/models/add_sub/nothing',
      '/v2/models//infer',
      '/v2/health',
      '/v2/models/a/versions/1/2/3',
    ])('%s is not found, as an object with an error', async (path) => {
      const answer = await wire().send('GET', path);
      expect(answer.status).toBe(404);
      expect(errorOf(answer)).toMatch(/not found/i);
    });

    test.each([
      ['GET', '/v2/models/add_sub/infer'],
      ['POST', '/v2/models/add_sub/ready'],
      ['POST', '/v2/models/add_sub'],
      ['DELETE', '/v2'],
      ['PUT', '/v2/health/live'],
      ['GET', '/v2/repository/index'],
      ['GET', '/v2/repository/models/add_sub/load'],
    ])('%s %s is not allowed', async (method, path) => {
      const answer = await wire().send(method, path);
      expect(answer.status).toBe(405);
      expect(errorOf(answer)).toBe('Method Not Allowed');
    });

    test.each(['/v2', '/v2/'])('%s tells about the server', async (path) => {
      expect(JSON.parse((await wire().send('GET', path)).body.toString())).toHaveProperty('extensions');
    });

    test('GET /v2/models lists the models', async () => {
      const { models } = JSON.parse((await wire().send('GET', '/v2/models')).body.toString()) as {
        models: string[];
      };
      expect(models).toEqual(expect.arrayContaining(['add_sub', 'scores']));
    });

    test('a query is no part of the path', async () => {
      expect((await wire().send('GET', '/v2/models/add_sub/ready?x=1')).status).toBe(200);
    });
  });

  describe('a body of JSON', () => {
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
  });

  describe('bytes behind the JSON', () => {
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
      const answer = await infer(
        Buffer.concat([binary(), bytes, bytes, Buffer.alloc(3)]),
        lengthOf(binary()),
      );
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
  });

  describe('a raw request: nothing but bytes', () => {
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
  });

  describe('compression', () => {
    test.each([
      ['gzip', gzipSync],
      ['deflate', deflateSync],
    ])('a body of %s is read', async (encoding, packed) => {
      const answer = await infer(packed(body), { 'content-encoding': encoding });
      expect(readInference(answer).outputs[0]?.data[0]).toBe(1);
    });

    test('the header length is that of the JSON once it is unpacked', async () => {
      const head = json({
        inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }],
      });
      const packed = gzipSync(Buffer.concat([head, encode('FP32', [1, 2])]));
      const headers = { 'content-encoding': 'gzip', 'inference-header-content-length': String(head.length) };
      expect(readInference(await infer(packed, headers, 'identity_fp32')).outputs[0]?.data).toEqual([1, 2]);
    });

    test.each(['br', 'zstd', 'gzip, gzip'])(
      'the encoding %s is refused, and it says which are read',
      async (encoding) => {
        const answer = await infer(body, { 'content-encoding': encoding });
        expect([400, 415]).toContain(answer.status);
        expect(answer.headers['accept-encoding']).toBe('gzip, deflate');
      },
    );

    test.each(['gzip', 'deflate'])('a body that is no %s is refused', async (encoding) => {
      expect((await infer(body, { 'content-encoding': encoding })).status).toBe(400);
    });

    test('a body of gzip that is cut off is refused', async () => {
      const packed = gzipSync(body);
      expect(
        (await infer(packed.subarray(0, packed.length - 6), { 'content-encoding': 'gzip' })).status,
      ).toBe(400);
    });

    test.each([
      ['gzip', gunzipSync],
      ['deflate', inflateSync],
    ])('a long answer is packed with %s where that is asked for', async (encoding, unpacked) => {
      const data = Array.from({ length: 20_000 }, (_, at) => at);
      const asked = json({ inputs: [tensor('INT32', [1, data.length], data)] });
      const answer = await infer(asked, { 'accept-encoding': encoding }, 'identity_int32');
      expect(answer.headers['content-encoding']).toBe(encoding);
      expect(answer.body.length).toBeLessThan(asked.length);
      expect(readInference({ ...answer, body: unpacked(answer.body) }).outputs[0]?.data).toEqual(data);
    });
  });

  describe('limits', () => {
    test('a body that unpacks to a thousand times its size is refused', async () => {
      const bomb = gzipSync(Buffer.alloc(100 * MiB, ' '));
      const answer = await infer(bomb, { 'content-encoding': 'gzip' });
      expect([400, 413]).toContain(answer.status);
      expect((await infer(body)).status).toBe(200);
    });

    test('a body over the limit is refused as it is announced', async (context) => {
      if (!server().isOurs) return context.skip('how much a server takes is its own affair');
      const answer = await infer(Buffer.alloc(65 * MiB, ' '));
      expect(answer.status).toBe(413);
    });
  });

  describe('the model repository', () => {
    test('ready that is no boolean is refused', async () => {
      const answer = await wire().send('POST', '/v2/repository/index', json({ ready: 'x' }));
      expect(answer.status).toBe(400);
      expect(errorOf(answer)).toBe("Invalid value for 'ready': expected a boolean");
    });

    test('an empty body asks for all', async () => {
      const answer = await wire().send('POST', '/v2/repository/index');
      expect(JSON.parse(answer.body.toString()).length).toBeGreaterThan(0);
    });

    test.each(['/v2/repository/mine/index', '/v2/repository/mine/models/add_sub/load'])(
      '%s names a repository',
      async (path) => {
        const answer = await wire().send('POST', path);
        expect(errorOf(answer)).toMatch(/'repository_name' specification is not supported/);
      },
    );
  });

  test('somebody unknown is told so, but hears whether the server lives', async (context) => {
    if (server().token === undefined) return context.skip('the server knows no tokens');
    const stranger = { authorization: 'Bearer nobody' };
    expect((await wire().send('GET', '/v2/health/live', undefined, stranger)).status).toBe(200);
    for (const path of [
      '/v2',
      '/v2/models',
      '/v2/models/add_sub',
      '/v2/models/stats',
      '/v2/models/add_sub/config',
    ])
      expect((await wire().send('GET', path, undefined, stranger)).status).toBe(401);
    expect((await infer(body, stranger)).status).toBe(401);
  });

  test('the answer of another version of HTTP’s words is the same', async () => {
    const upper = { 'Inference-Header-Content-Length': '0', 'Content-Type': 'text/whatever' };
    expect(
      given({ ok: true, value: (await infer(encode('FP32', [1]), upper, 'identity_fp32')).status }),
    ).toBe(200);
  });
}
