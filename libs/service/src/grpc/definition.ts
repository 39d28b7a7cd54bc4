import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { Codecs } from './types.js';

/** What grpc-js must know about a method: its path, its kind, and bytes to messages and back. */
export function methodDefinition(
  service: DescService,
  method: DescMethod,
  codecs: Codecs = new Map(),
): MethodDefinition<Message, Message> {
  const { methodKind, input, output } = method;
  const [request, response] = [codecOf(input, codecs), codecOf(output, codecs)];
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: response.encode,
    responseDeserialize: response.decode,
  };
}

function codecOf(schema: DescMessage, codecs: Codecs) {
  const codec = codecs.get(schema.typeName);
  return {
    decode: codec?.decode ?? ((bytes: Uint8Array) => fromBinary(schema, bytes)),
    encode: codec
      ? (message: Message) => bufferOf(codec.encode(message as never))
      : (message: Message) => bufferOf(toBinary(schema, message)),
  };
}

/** A view, not a copy. */
function bufferOf(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A message out of a message or its initial values. */
export function messageOf(schema: DescMessage, value: unknown): Message {
  return create(schema, value as MessageInitShape<DescMessage>);
}
