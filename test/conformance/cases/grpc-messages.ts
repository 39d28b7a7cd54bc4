import { expect, test } from 'vitest';
import type { Server } from '../server.js';
import { answered, type ResponseMessage, response } from '../wire/grpc-wire.js';
import * as is from '../wire/messages.js';
import { decodeMessage, delimited, encodeMessage, tag, varint } from '../wire/protobuf.js';
import { encode } from '../wire/values.js';
import { given } from '../wire/wire.js';
import { fp32, type GrpcWireOf, inferBy, input, raw } from './grpc-shared.js';
import { outputOf } from './shared.js';

/** Messages of other writers. */
export function grpcMessageCases(wire: GrpcWireOf, server: () => Server): void {
  test('numbers that are not packed are read', async () => {
    const float = (value: number) => encode('FP32', [value]);
    const contents = Buffer.concat([tag(6, 5), float(1.5), tag(6, 5), float(-2)]);
    const tensorBytes = Buffer.concat([
      encodeMessage(
        { name: { number: 1, type: 'string' }, datatype: { number: 2, type: 'string' } },
        { name: 'INPUT0', datatype: 'FP32' },
      ),
      tag(3, 0),
      varint(1n),
      tag(3, 0),
      varint(2n),
      tag(5, 2),
      delimited(contents),
    ]);
    const message = Buffer.concat([
      encodeMessage(is.inferRequestSchema, { model_name: 'identity_fp32' }),
      tag(5, 2),
      delimited(tensorBytes),
    ]);
    const answer = await wire().connection.call('ModelInfer', [message]);
    const told = answered(answer, (of) =>
      response(decodeMessage<ResponseMessage>(is.inferResponseSchema, of)),
    );
    expect(outputOf(given(told)).data).toEqual([1.5, -2]);
  });

  test('fields that nobody knows are left alone', async () => {
    const message = Buffer.concat([
      encodeMessage(is.inferRequestSchema, fp32({ raw_input_contents: [raw] })),
      tag(900, 2),
      delimited(Buffer.from('what is this')),
      tag(901, 0),
      varint(7n),
    ]);
    expect((await wire().connection.call('ModelInfer', [message])).code).toBe(0);
  });

  test('a request of KServe’s repository messages names its model where others name the repository', async (context) => {
    if (!server().isOurs) return context.skip('a leniency of ours');
    const message = encodeMessage(is.repositorySchema, { repository_name: 'add_sub' });
    expect((await wire().connection.call('RepositoryModelLoad', [message])).code).toBe(0);
  });

  test('a repository by name is refused', async () => {
    const message = encodeMessage(is.repositorySchema, { repository_name: 'mine', model_name: 'add_sub' });
    const answer = await wire().connection.call('RepositoryModelLoad', [message]);
    expect([3, 12]).toContain(answer.code);
    expect(answer.message).toMatch(/'repository_name' specification is not supported/);
  });

  test.each([
    [
      'half a message',
      encodeMessage(is.inferRequestSchema, fp32({ raw_input_contents: [raw] })).subarray(0, 20),
    ],
    ['bytes at random', Buffer.from('ff00ff00ff00ff00', 'hex')],
    ['a field of a wrong wire type', Buffer.concat([tag(1, 0), varint(5n)])],
  ])('%s is refused', async (_what, bytes) => {
    expect((await wire().connection.call('ModelInfer', [bytes])).code).not.toBe(0);
  });
}

/** Sizes, methods, and who may ask. */
export function grpcCallCases(wire: GrpcWireOf, server: () => Server): void {
  const ask = inferBy(wire);
  test('a message of 16 MiB is taken', async () => {
    const floats = 4 * 1024 * 1024;
    const message = fp32({
      inputs: [input({ shape: [1, floats] })],
      raw_input_contents: [Buffer.alloc(floats * 4, 1)],
    });
    expect(outputOf(given(await ask(message))).data.length).toBe(floats);
  });

  test('a method that is not there is said to be so', async () => {
    expect((await wire().connection.call('NoSuchMethod', [Buffer.alloc(0)])).code).toBe(12);
  });

  test('somebody unknown is told so, but hears whether the server lives', async (context) => {
    if (server().token === undefined) return context.skip('the server knows no tokens');
    const stranger = { authorization: 'Bearer nobody' };
    expect((await wire().connection.call('ServerLive', [Buffer.alloc(0)], stranger)).code).toBe(0);
    for (const method of ['ServerMetadata', 'ModelInfer', 'ModelStatistics', 'RepositoryIndex'])
      expect((await wire().connection.call(method, [Buffer.alloc(0)], stranger)).code).toBe(16);
  });

  test('a message of 65 MiB is refused as too large', async (context) => {
    if (!server().isOurs) return context.skip('how much a server takes is its own affair');
    const message = fp32({ raw_input_contents: [Buffer.alloc(65 * 1024 * 1024)] });
    const bytes = encodeMessage(is.inferRequestSchema, message);
    expect((await wire().connection.call('ModelInfer', [bytes])).code).toBe(8);
  });
}
