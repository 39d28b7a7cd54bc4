import { toBinary } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { decodeInferRequest, decodeInferResponse, encodeInferResponse } from './infer-messages.js';
import {
  decodeServeRequest,
  decodeServeResponse,
  encodeServeRequest,
  encodeServeResponse,
} from './serve-messages.js';

/**
 * Reads and writes the messages of which thousands come in a second, by `package.Message`, for libs/service. The same
 * bytes and the same messages as the general ones, at a fraction of their cost.
 */
export const inferenceCodecs = new Map([
  [
    'inference.ModelInferRequest',
    {
      decode: decodeInferRequest,
      encode: (message: never) => toBinary(oip.ModelInferRequestSchema, message),
    },
  ],
  ['inference.ModelInferResponse', { decode: decodeInferResponse, encode: encodeInferResponse }],
  ['perennial.v1.ServeRequest', { decode: decodeServeRequest, encode: encodeServeRequest }],
  ['perennial.v1.ServeResponse', { decode: decodeServeResponse, encode: encodeServeResponse }],
]);
