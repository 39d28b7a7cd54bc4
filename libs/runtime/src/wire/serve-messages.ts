import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ServeRequest,
  ServeRequestSchema,
  type ServeResponse,
  ServeResponseSchema,
} from '@perennial/contracts';
import {
  isCommonRequest,
  isCommonResponse,
  readInferRequest,
  readInferResponse,
  sizeOf,
  writeInferRequest,
  writeInferResponse,
} from './infer-messages.js';
import { leave, reading, type WireReader } from './reader.js';
import { WireWriter } from './writer.js';

/** Digest, signature, names and shapes. */
const headBytes = 512;

/** Messages of the stream between gateway and replica, as perennial/v1/inference_service.proto numbers their fields. */
export const decodeServeRequest = reading(readServeRequest, (bytes) => fromBinary(ServeRequestSchema, bytes));
export const decodeServeResponse = reading(readServeResponse, (bytes) =>
  fromBinary(ServeResponseSchema, bytes),
);

function readServeRequest(reader: WireReader): ServeRequest {
  const read: ServeRequest = {
    $typeName: 'perennial.v1.ServeRequest',
    sequence: 0n,
    digest: '',
    timeoutMs: 0,
    priority: 0,
    share: '',
    signature: '',
    alone: false,
    cancel: false,
    traceparents: [],
  };
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === 8) read.sequence = BigInt(reader.bigVarint());
    else if (tag === 18) read.digest = reader.text();
    else if (tag === 26 && !read.request) read.request = readInferRequest(reader.message());
    else if (tag === 32) read.timeoutMs = reader.varint();
    else if (tag === 40) read.priority = reader.varint();
    else if (tag === 50) read.share = reader.text();
    else if (tag === 58) read.signature = reader.text();
    else if (tag === 64) read.alone = reader.varint() !== 0;
    else if (tag === 72) read.cancel = reader.varint() !== 0;
    else if (tag === 82) read.traceparents.push(reader.text());
    else leave();
  }
  return read;
}

function readServeResponse(reader: WireReader): ServeResponse {
  const read: ServeResponse = {
    $typeName: 'perennial.v1.ServeResponse',
    sequence: 0n,
    outcome: { case: undefined },
    queueUs: 0,
    computeUs: 0,
    batchId: '',
    batchRows: 0,
    rowsWaiting: 0,
    utilisation: 0,
  };
  while (reader.at < reader.end) {
    const tag = reader.varint();
    if (tag === 8) read.sequence = BigInt(reader.bigVarint());
    else if (tag === 18 && read.outcome.case === undefined)
      read.outcome = { case: 'response', value: readInferResponse(reader.message()) };
    else if (tag === 32) read.queueUs = reader.varint();
    else if (tag === 40) read.computeUs = reader.varint();
    else if (tag === 50) read.batchId = reader.text();
    else if (tag === 56) read.batchRows = reader.varint();
    else if (tag === 64) read.rowsWaiting = reader.varint();
    else if (tag === 77) read.utilisation = reader.float();
    else leave();
  }
  return read;
}

/** As toBinary. */
export function encodeServeRequest(message: ServeRequest): Uint8Array {
  const { request } = message;
  if (request && !isCommonRequest(request)) return toBinary(ServeRequestSchema, message);
  const writer = new WireWriter(headBytes + (request ? sizeOf(request.rawInputContents) : 0));
  writer.number(1, Number(message.sequence));
  writer.text(2, message.digest);
  if (request) writer.message(3, () => writeInferRequest(writer, request));
  writer.number(4, message.timeoutMs);
  writer.number(5, message.priority);
  writer.text(6, message.share);
  writer.text(7, message.signature);
  writer.number(8, Number(message.alone));
  writer.number(9, Number(message.cancel));
  for (const traceparent of message.traceparents) writer.element(10, traceparent);
  return writer.finish();
}

/** As toBinary. */
export function encodeServeResponse(message: ServeResponse): Uint8Array {
  const { outcome } = message;
  if (outcome.case !== 'response' || !isCommonResponse(outcome.value))
    return toBinary(ServeResponseSchema, message);
  const { value } = outcome;
  const writer = new WireWriter(headBytes + sizeOf(value.rawOutputContents));
  writer.number(1, Number(message.sequence));
  writer.message(2, () => writeInferResponse(writer, value));
  writer.number(4, message.queueUs);
  writer.number(5, message.computeUs);
  writer.text(6, message.batchId);
  writer.number(7, message.batchRows);
  writer.number(8, message.rowsWaiting);
  writer.float(9, message.utilisation);
  return writer.finish();
}
