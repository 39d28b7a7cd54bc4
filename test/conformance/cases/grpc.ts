import { describe, expect, test } from 'vitest';
import type { Server } from '../server.js';
import { answered, contentsOf, type GrpcWire, type ResponseMessage, response } from '../wire/grpc-wire.js';
import * as is from '../wire/messages.js';
import { decodeMessage, delimited, encodeMessage, type Fields, tag, varint } from '../wire/protobuf.js';
import { encode } from '../wire/values.js';
import { given, type InferRequest } from '../wire/wire.js';
import { edgeTensor, expectRefused, outputOf, tensor } from './shared.js';

interface Streamed {
  readonly error_message: string;
  readonly infer_response: ResponseMessage | undefined;
}

/** What only gRPC has: raw against typed contents, messages of other writers, streams. */
export function grpcCases(wire: () => GrpcWire, server: () => Server): void {
  const ask = async (message: Fields) => {
    const bytes = encodeMessage(is.inferRequestSchema, message);
    return answered(await wire().connection.call('ModelInfer', [bytes]), (of) =>
      response(decodeMessage<ResponseMessage>(is.inferResponseSchema, of)),
    );
  };
  const input = (over: Fields = {}): Fields => ({ name: 'INPUT0', datatype: 'FP32', shape: [1, 2], ...over });
  const fp32 = (over: Fields): Fields => ({ model_name: 'identity_fp32', inputs: [input()], ...over });
  const raw = encode('FP32', [1, 2]);

  describe('raw and typed contents', () => {
    test('an answer is raw, whatever the request was', async () => {
      const typed = fp32({ inputs: [input({ contents: { fp32_contents: [1, 2] } })] });
      for (const message of [typed, fp32({ raw_input_contents: [raw] })]) {
        const bytes = encodeMessage(is.inferRequestSchema, message);
        const { messages } = await wire().connection.call('ModelInfer', [bytes]);
        const told = decodeMessage<ResponseMessage>(is.inferResponseSchema, messages[0] ?? Buffer.alloc(0));
        expect(told.raw_output_contents).toEqual([raw]);
        expect(told.outputs[0]?.contents).toBeUndefined();
      }
    });

    test('both at once are refused', async () => {
      const message = fp32({
        inputs: [input({ contents: { fp32_contents: [1, 2] } })],
        raw_input_contents: [raw],
      });
      const words =
        /contents field must not be specified when using raw_input_contents for 'INPUT0' for model 'identity_fp32'/;
      expectRefused(await ask(message), 'INVALID_ARGUMENT', words);
    });

    test.each([
      ['more raw contents than inputs', 2],
      ['fewer raw contents than inputs', 1],
    ])('%s are refused', async (_what, count) => {
      const inputs = count === 2 ? [input()] : [input(), input({ name: 'INPUT1' })];
      const message = fp32({ inputs, raw_input_contents: Array.from({ length: count }, () => raw) });
      expectRefused(await ask(message), 'INVALID_ARGUMENT');
    });

    test('neither is refused', async () => {
      expectRefused(await ask(fp32({})), 'INVALID_ARGUMENT');
    });

    const typed = Object.entries(contentsOf);
    test.each(typed)('%s: contents of another datatype are refused', async (datatype, field) => {
      const [other, values] = field === 'fp64_contents' ? ['bool_contents', [true]] : ['fp64_contents', [1]];
      const message = {
        model_name: `identity_${datatype.toLowerCase()}`,
        inputs: [input({ datatype, shape: [1, 1], contents: { [other as string]: values } })],
      };
      expectRefused(
        await ask(message),
        'INVALID_ARGUMENT',
        /unexpected explicit tensor data for input tensor 'INPUT0'/,
      );
    });

    test.each(typed)(
      '%s: more or fewer elements than the shape says are refused',
      async (datatype, field) => {
        const { data } = edgeTensor(datatype as 'INT32');
        for (const shape of [
          [1, data.length + 1],
          [1, data.length - 1],
        ]) {
          const message = {
            model_name: `identity_${datatype.toLowerCase()}`,
            inputs: [input({ datatype, shape, contents: { [field]: data } })],
          };
          expectRefused(await ask(message), 'INVALID_ARGUMENT', /INPUT0/);
        }
      },
    );

    test('FP16 has no typed contents', async () => {
      const message = {
        model_name: 'identity_fp16',
        inputs: [input({ datatype: 'FP16', contents: { fp32_contents: [1, 2] } })],
      };
      expectRefused(await ask(message), 'INVALID_ARGUMENT', /raw_input_contents/);
    });
  });

  describe('messages of other writers', () => {
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
  });

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

  describe('a stream of inferences', () => {
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
  });
}
