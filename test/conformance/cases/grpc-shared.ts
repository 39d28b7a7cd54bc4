import { answered, type GrpcWire, type ResponseMessage, response } from '../wire/grpc-wire.js';
import * as is from '../wire/messages.js';
import { decodeMessage, encodeMessage, type Fields } from '../wire/protobuf.js';
import { encode } from '../wire/values.js';
import type { Answer, InferResponse } from '../wire/wire.js';

export type GrpcWireOf = () => GrpcWire;

/** An input of two numbers, as bytes `raw`. */
export const raw = encode('FP32', [1, 2]);
export const input = (over: Fields = {}): Fields => ({
  name: 'INPUT0',
  datatype: 'FP32',
  shape: [1, 2],
  ...over,
});
export const fp32 = (over: Fields): Fields => ({ model_name: 'identity_fp32', inputs: [input()], ...over });

/** Asks for an inference with a message of the test's own making. */
export function inferBy(wire: GrpcWireOf): (message: Fields) => Promise<Answer<InferResponse>> {
  return async (message) => {
    const bytes = encodeMessage(is.inferRequestSchema, message);
    return answered(await wire().connection.call('ModelInfer', [bytes]), (of) =>
      response(decodeMessage<ResponseMessage>(is.inferResponseSchema, of)),
    );
  };
}
