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

/** What grpc-js must know about a method: its path, its kind, and bytes to messages and back. */
export function methodDefinition(
  service: DescService,
  method: DescMethod,
): MethodDefinition<Message, Message> {
  const { methodKind, input, output } = method;
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    requestSerialize: (message) => bytesOf(input, message),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => bytesOf(output, message),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

/** A view, not a copy. */
function bytesOf(schema: DescMessage, message: Message): Buffer {
  const { buffer, byteOffset, byteLength } = toBinary(schema, message);
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** A message out of a message or its initial values. */
export function messageOf(schema: DescMessage, value: unknown): Message {
  return create(schema, value as MessageInitShape<DescMessage>);
}
