import { create, toBinary } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { inputColumns, inputName } from './models.js';

export const protocols = ['http json', 'http binary', 'grpc unary', 'grpc stream'] as const;
export type Protocol = (typeof protocols)[number];

/** Values as people send them: some digits, no pattern that a parser could profit from. */
export function rowsOf(rows: number): Float32Array {
  const values = new Float32Array(rows * inputColumns);
  for (let at = 0; at < values.length; at++)
    values[at] = Math.round(Math.sin(at * 12.9898) * 10_000) / 10_000;
  return values;
}

export interface Asked {
  readonly protocol: Protocol;
  readonly model: string;
  readonly rows: number;
  readonly token: string;
  /** Microseconds that the answer is worth waiting for. */
  readonly timeoutUs?: number;
}

/** The bytes of one request: a whole HTTP/1.1 request, or a gRPC message with its prefix. */
export function requestBytes(asked: Asked): Buffer {
  if (asked.protocol === 'http json') return httpRequest(asked, jsonBody(asked));
  if (asked.protocol === 'http binary') {
    const header = Buffer.from(JSON.stringify(binaryHeader(asked)));
    const body = Buffer.concat([header, bytesOf(rowsOf(asked.rows))]);
    return httpRequest(asked, body, { 'inference-header-content-length': String(header.length) });
  }
  return grpcMessage(asked);
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function jsonBody({ rows, timeoutUs }: Asked): Buffer {
  const input = { name: inputName, datatype: 'FP32', shape: [rows, inputColumns] };
  // As a person's program would write them: 0.1234, not 0.12340000271797180.
  const data = Array.from(rowsOf(rows), (value) => Number(value.toFixed(4)));
  return Buffer.from(JSON.stringify({ ...parametersOf(timeoutUs), inputs: [{ ...input, data }] }));
}

function binaryHeader({ rows, timeoutUs }: Asked): object {
  const parameters = { binary_data_size: rows * inputColumns * 4 };
  return {
    parameters: { ...parametersOf(timeoutUs).parameters, binary_data_output: true },
    inputs: [{ name: inputName, datatype: 'FP32', shape: [rows, inputColumns], parameters }],
  };
}

function parametersOf(timeoutUs: number | undefined): { parameters?: { timeout: number } } {
  return timeoutUs === undefined ? {} : { parameters: { timeout: timeoutUs } };
}

function httpRequest({ model, token }: Asked, body: Buffer, more: Record<string, string> = {}): Buffer {
  const headers = {
    host: '127.0.0.1',
    authorization: `Bearer ${token}`,
    'content-type':
      'inference-header-content-length' in more ? 'application/octet-stream' : 'application/json',
    'content-length': String(body.length),
    ...more,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([
    Buffer.from(`POST /v2/models/${model}/infer HTTP/1.1\r\n${lines.join('')}\r\n`),
    body,
  ]);
}

function grpcMessage({ model, rows }: Asked): Buffer {
  const message = create(oip.ModelInferRequestSchema, {
    modelName: model,
    inputs: [{ name: inputName, datatype: 'FP32', shape: [BigInt(rows), BigInt(inputColumns)] }],
    rawInputContents: [bytesOf(rowsOf(rows))],
  });
  return framed(toBinary(oip.ModelInferRequestSchema, message));
}

/** gRPC's length-prefixed message, not compressed. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}
