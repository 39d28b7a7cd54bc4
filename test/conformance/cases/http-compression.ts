import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Server } from '../server.js';
import { readInference } from '../wire/http-wire.js';
import { encode } from '../wire/values.js';
import { body, type HttpWireOf, inferBy, json } from './http-shared.js';
import { tensor } from './shared.js';

const MiB = 1024 * 1024;

/** Bodies that are packed, both ways. */
export function httpCompressionCases(wire: HttpWireOf): void {
  const infer = inferBy(wire);
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
    expect((await infer(packed.subarray(0, packed.length - 6), { 'content-encoding': 'gzip' })).status).toBe(
      400,
    );
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
}

/** Bodies that are too large. */
export function httpLimitCases(wire: HttpWireOf, server: () => Server): void {
  const infer = inferBy(wire);
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

  test.each(['[],', '{},', '[[1]],', '"x",'])(
    'a body of millions of %s is refused, and the server stands',
    async (item) => {
      const most = Buffer.alloc(15 * MiB - ((15 * MiB) % item.length), item);
      const answer = await infer(Buffer.concat([Buffer.from('{"inputs":['), most, Buffer.from('0]}')]));
      expect([400, 413]).toContain(answer.status);
      expect((await infer(body)).status).toBe(200);
    },
  );
}
