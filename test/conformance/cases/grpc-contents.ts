import { expect, test } from 'vitest';
import { contentsOf, type ResponseMessage } from '../wire/grpc-wire.js';
import * as is from '../wire/messages.js';
import { decodeMessage, encodeMessage } from '../wire/protobuf.js';
import { fp32, type GrpcWireOf, inferBy, input, raw } from './grpc-shared.js';
import { edgeTensor, expectRefused } from './shared.js';

/** Raw against typed contents. */
export function grpcContentsCases(wire: GrpcWireOf): void {
  const ask = inferBy(wire);
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

  test.each(typed)('%s: more or fewer elements than the shape says are refused', async (datatype, field) => {
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
  });

  test('FP16 has no typed contents', async () => {
    const message = {
      model_name: 'identity_fp16',
      inputs: [input({ datatype: 'FP16', contents: { fp32_contents: [1, 2] } })],
    };
    expectRefused(await ask(message), 'INVALID_ARGUMENT', /raw_input_contents/);
  });
}
