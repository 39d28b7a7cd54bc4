import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { GrpcWire } from '../wire/grpc-wire.js';
import { type HttpWire, jsonText } from '../wire/http-wire.js';
import { inferRequestSchema } from '../wire/messages.js';
import { mutated, randomOf } from '../wire/mutations.js';
import { encodeMessage } from '../wire/protobuf.js';
import { encode } from '../wire/values.js';
import { given } from '../wire/wire.js';
import { addSubRequest, edgeTensor, tensor } from './shared.js';

/** Requests for each kind of body; a busy machine does fewer within the time. */
const requestsMax = 3_000;
const withinMs = 8_000;
/** At a time. */
const lanes = 8;

interface Broken {
  readonly path: string;
  readonly bytes: Buffer;
  readonly headers: Record<string, string>;
}

/** What is broken is answered like anything else: with a status, and words that say what is wrong. */
export function fuzzCases(http: () => HttpWire, grpc: () => GrpcWire): void {
  test('broken bodies are answered with a status and an error, and the server stands', async () => {
    const random = randomOf(11);
    const statuses = new Map<number, number>();
    await inLanes(async (at) => {
      const { path, bytes, headers } = brokenBody(at, random);
      const answer = await http().send('POST', path, bytes, headers);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      expect([200, 400, 404, 413, 415, 503, 504], `${path} ${bytes.toString('base64')}`).toContain(
        answer.status,
      );
      if (answer.status === 200) return;
      const { error } = JSON.parse(answer.body.toString()) as { error: string };
      expect(error).not.toBe('');
    });
    expect(statuses.get(400)).toBeGreaterThan(100);
    expect(given(await http().infer(addSubRequest())).outputs.length).toBe(2);
  });

  test('broken messages are answered with a status, and the server stands', async () => {
    const random = randomOf(12);
    const codes = new Map<number, number>();
    const seeds = [
      grpc().message(addSubRequest()),
      grpc().message({ model: 'identity_bytes', inputs: [edgeTensor('BYTES')] }),
      {
        model_name: 'identity_fp32',
        inputs: [{ name: 'INPUT0', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }],
      },
    ].map((message) => encodeMessage(inferRequestSchema, message));
    await inLanes(async (at) => {
      const bytes = mutated(seeds[at % seeds.length] as Buffer, random);
      const method = at % 5 === 0 ? 'ModelStreamInfer' : 'ModelInfer';
      const { code, message } = await grpc().connection.call(method, [bytes]);
      codes.set(code, (codes.get(code) ?? 0) + 1);
      // What is no message at all is the transport's to refuse, with a status of its own choice.
      const isTransports = /deserializ|message/i.test(message);
      expect(
        isTransports ? [0] : [0, 3, 4, 5, 8, 12, 14],
        `${code} ${message} ${bytes.toString('base64')}`,
      ).toContain(isTransports ? 0 : code);
    });
    expect(codes.get(3)).toBeGreaterThan(50);
    expect(given(await grpc().infer(addSubRequest())).outputs.length).toBe(2);
  });
}

function brokenBody(at: number, random: () => number): Broken {
  const { model: _model, ...inference } = addSubRequest(1, {
    id: 'x',
    parameters: { priority: 1, timeout: 10_000_000 },
  });
  const body = Buffer.from(jsonText(inference));
  const path = '/v2/models/add_sub/infer';
  switch (at % 4) {
    case 0:
      return { path, bytes: mutated(body, random), headers: {} };
    case 1: {
      const text = Buffer.from(
        jsonText({
          inputs: [edgeTensor('INT64')],
          outputs: [{ name: 'OUTPUT0', parameters: { classification: 2 } }],
        }),
      );
      return { path: '/v2/models/identity_int64/infer', bytes: mutated(text, random), headers: {} };
    }
    case 2: {
      const input = tensor('FP32', [1, 2], [1, 2]);
      const { data: _data, ...head } = input;
      const json = Buffer.from(jsonText({ inputs: [{ ...head, parameters: { binary_data_size: 8 } }] }));
      const bytes = mutated(Buffer.concat([json, encode('FP32', input.data)]), random);
      const length = json.length + Math.floor((random() - 0.5) * 6);
      return {
        path: '/v2/models/identity_fp32/infer',
        bytes,
        headers: { 'inference-header-content-length': String(length) },
      };
    }
    default:
      return { path, bytes: mutated(gzipSync(body), random), headers: { 'content-encoding': 'gzip' } };
  }
}

/** Runs `work` for one number after the other, some at a time, until there were enough or the time is over. */
async function inLanes(work: (at: number) => Promise<void>): Promise<void> {
  const until = performance.now() + withinMs;
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < requestsMax && performance.now() < until) await work(next++);
    }),
  );
}
