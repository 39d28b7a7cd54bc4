import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/**
 * What a client needs to come back at the right time, as clients of others know it: `google.rpc.Status` with one
 * `google.rpc.RetryInfo` for the trailer `grpc-status-details-bin` (github.com/googleapis/googleapis, google/rpc).
 */
export function statusWithRetryInfo(code: number, message: string, retryAfterMs: number): Buffer {
  const duration = new BinaryWriter();
  const seconds = Math.floor(retryAfterMs / 1_000);
  if (seconds > 0) duration.tag(1, WireType.Varint).int64(seconds);
  const nanos = Math.round((retryAfterMs - seconds * 1_000) * 1_000_000);
  if (nanos > 0) duration.tag(2, WireType.Varint).int32(nanos);
  const retryInfo = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(duration.finish()).finish();
  const any = new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string('type.googleapis.com/google.rpc.RetryInfo')
    .tag(2, WireType.LengthDelimited)
    .bytes(retryInfo)
    .finish();
  return Buffer.from(
    new BinaryWriter()
      .tag(1, WireType.Varint)
      .int32(code)
      .tag(2, WireType.LengthDelimited)
      .string(message)
      .tag(3, WireType.LengthDelimited)
      .bytes(any)
      .finish(),
  );
}
