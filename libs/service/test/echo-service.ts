import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
  type Int32ValueSchema,
  type StringValueSchema,
} from '@bufbuild/protobuf/wkt';

type Text = typeof StringValueSchema;
type Whole = typeof Int32ValueSchema;

const text = '.google.protobuf.StringValue';
const whole = '.google.protobuf.Int32Value';

/** A service with a method of each kind, so that the adapter is tested apart from our own services. */
export const EchoService = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'test/echo.proto',
    package: 'test',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [
      {
        name: 'EchoService',
        method: [
          { name: 'Say', inputType: text, outputType: text },
          { name: 'Count', inputType: whole, outputType: whole, serverStreaming: true },
          { name: 'Sum', inputType: whole, outputType: whole, clientStreaming: true },
          {
            name: 'Double',
            inputType: whole,
            outputType: whole,
            clientStreaming: true,
            serverStreaming: true,
          },
        ],
      },
    ],
  }),
  (name) => (name === file_google_protobuf_wrappers.proto.name ? file_google_protobuf_wrappers : undefined),
).getService('test.EchoService') as unknown as GenService<{
  say: { methodKind: 'unary'; input: Text; output: Text };
  count: { methodKind: 'server_streaming'; input: Whole; output: Whole };
  sum: { methodKind: 'client_streaming'; input: Whole; output: Whole };
  double: { methodKind: 'bidi_streaming'; input: Whole; output: Whole };
}>;
