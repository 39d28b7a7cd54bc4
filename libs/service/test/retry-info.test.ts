import { create, createFileRegistry, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import {
  anyUnpack,
  FileDescriptorProtoSchema,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { statusWithRetryInfo } from '../src/grpc/retry-info.js';

/** google/rpc/status.proto and error_details.proto, as a client of others has them. */
const file = create(FileDescriptorProtoSchema, {
  name: 'google/rpc/status.proto',
  package: 'google.rpc',
  syntax: 'proto3',
  dependency: ['google/protobuf/any.proto', 'google/protobuf/duration.proto'],
  messageType: [
    {
      name: 'Status',
      field: [
        { name: 'code', number: 1, type: Type.INT32, label: Label.OPTIONAL },
        { name: 'message', number: 2, type: Type.STRING, label: Label.OPTIONAL },
        {
          name: 'details',
          number: 3,
          type: Type.MESSAGE,
          typeName: '.google.protobuf.Any',
          label: Label.REPEATED,
        },
      ],
    },
    {
      name: 'RetryInfo',
      field: [
        {
          name: 'retry_delay',
          number: 1,
          type: Type.MESSAGE,
          typeName: '.google.protobuf.Duration',
          label: Label.OPTIONAL,
        },
      ],
    },
  ],
});
const files = [file_google_protobuf_any, file_google_protobuf_duration];
const registry = createFileRegistry(file, (name) => files.find(({ proto }) => proto.name === name));

test.each([
  [1_500, 1n, 500_000_000],
  [250, 0n, 250_000_000],
  [86_400_000, 86_400n, 0],
])('a client of others reads that it shall come back in %d ms', (ms, seconds, nanos) => {
  const schema = registry.getMessage('google.rpc.Status');
  if (!schema) throw new Error('the schema is there');
  const status = fromBinary(schema, statusWithRetryInfo(8, 'zu viel – später', ms)) as MessageShape<
    typeof schema
  > & { code: number; message: string; details: Parameters<typeof anyUnpack>[0][] };
  expect(status).toMatchObject({ code: 8, message: 'zu viel – später' });
  const [detail] = status.details;
  expect(detail && anyUnpack(detail, registry)).toMatchObject({ retryDelay: { seconds, nanos } });
});
