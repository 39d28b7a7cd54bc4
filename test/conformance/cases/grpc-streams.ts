import { expect, test } from 'vitest';
import type { Server } from '../server.js';
import { type ResponseMessage, response } from '../wire/grpc-wire.js';
import * as is from '../wire/messages.js';
import { decodeMessage, encodeMessage } from '../wire/protobuf.js';
import type { InferRequest } from '../wire/wire.js';
import type { GrpcWireOf } from './grpc-shared.js';
import { outputOf, tensor } from './shared.js';

interface Streamed {
  readonly error_message: string;
  readonly infer_response: ResponseMessage | undefined;
}

/** Streams of inferences. */
export function grpcStreamCases(wire: GrpcWireOf, server: () => Server): void {
  const bytesOf = (request: InferRequest) => encodeMessage(is.inferRequestSchema, wire().message(request));
  const read = (bytes: Buffer) => decodeMessage<Streamed>(is.streamResponseSchema, bytes);
  const numbered = (at: number) =>
    bytesOf({ model: 'identity_int64', id: `r${at}`, inputs: [tensor('INT64', [1, 1], [BigInt(at)])] });

  test('answers come in the order of the requests, whatever their models cost', async () => {
    const slow = {
      model: 'identity_fp32',
      id: 'slow',
      inputs: [
        tensor(
          'FP32',
          [1, 200_000],
          Array.from({ length: 200_000 }, () => 1),
        ),
      ],
    };
    const requests = [bytesOf(slow), ...Array.from({ length: 50 }, (_, at) => numbered(at))];
    const { code, messages } = await wire().connection.call('ModelStreamInfer', requests);
    expect(code).toBe(0);
    const ids = messages.map((bytes) => read(bytes).infer_response?.id);
    expect(ids).toEqual(['slow', ...Array.from({ length: 50 }, (_, at) => `r${at}`)]);
    const last = response(read(messages[50] ?? Buffer.alloc(0)).infer_response as ResponseMessage);
    expect(outputOf(last).data).toEqual([49n]);
  });

  test('a request that is refused says why, and the stream goes on', async () => {
    const wrong = bytesOf({ model: 'identity_int64', id: 'wrong', inputs: [] });
    const { code, messages } = await wire().connection.call('ModelStreamInfer', [
      numbered(1),
      wrong,
      numbered(2),
    ]);
    expect(code).toBe(0);
    const told = messages.map(read);
    expect(told.map(({ error_message: error }) => error === '')).toEqual([true, false, true]);
    expect(told[1]?.error_message).toMatch(/expected 1 inputs but got 0/);
    expect(told[2]?.infer_response?.id).toBe('r2');
  });

  test('every answer says that it is the last of its request', async (context) => {
    if (!server().isOurs) return context.skip('not every server says so');
    const { messages } = await wire().connection.call('ModelStreamInfer', [numbered(1)]);
    const { parameters } = read(messages[0] ?? Buffer.alloc(0)).infer_response as ResponseMessage;
    expect(parameters['triton_final_response']?.['bool_param']).toBe(true);
  });

  test('a client that wants statuses is given one, and the stream ends', async (context) => {
    if (!server().isOurs) return context.skip('not every server knows the header');
    const wrong = bytesOf({ model: 'no_such_model', inputs: [] });
    const headers = { triton_grpc_error: 'true' };
    const { code, messages } = await wire().connection.call(
      'ModelStreamInfer',
      [numbered(1), wrong],
      headers,
    );
    expect(code).toBe(5);
    expect(messages.length).toBe(1);
  });

  test('a stream that is left open answers each request as it comes', async () => {
    const stream = wire().connection.open('ModelStreamInfer');
    for (let at = 0; at < 5; at++) {
      stream.write(numbered(at));
      await expect.poll(() => stream.messages.length, { timeout: 20_000, interval: 5 }).toBe(at + 1);
    }
    stream.end();
    expect((await stream.answer).code).toBe(0);
  });

  test('a stream that is cancelled leaves the next one alone', async () => {
    const cancelled = wire().connection.open('ModelStreamInfer');
    for (let at = 0; at < 200; at++) cancelled.write(numbered(at));
    await expect.poll(() => cancelled.messages.length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(0);
    cancelled.cancel();
    const { messages } = await wire().connection.call('ModelStreamInfer', [numbered(7)]);
    expect(read(messages[0] ?? Buffer.alloc(0)).infer_response?.id).toBe('r7');
  });

  test('a client that does not read is sent no more than it takes, and gets all of it in the end', async () => {
    const stream = wire().connection.open('ModelStreamInfer');
    stream.pause();
    const wide = Array.from({ length: 5_000 }, (_, at) => at);
    const count = 300;
    for (let at = 0; at < count; at++)
      stream.write(
        bytesOf({ model: 'identity_fp32', id: `r${at}`, inputs: [tensor('FP32', [1, 5_000], wide)] }),
      );
    stream.end();
    stream.resume();
    const { messages } = await stream.answer;
    expect(messages.length).toBe(count);
    expect(read(messages[count - 1] ?? Buffer.alloc(0)).infer_response?.id).toBe(`r${count - 1}`);
  });
}
