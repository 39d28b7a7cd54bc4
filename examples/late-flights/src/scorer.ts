import { create } from '@bufbuild/protobuf';
import type { GrpcPerennial } from '@perennial/client';
import { oip } from '@perennial/contracts';

export type Column = Float64Array | string[];

/**
 * Asks the served model about many rows at once over the Open Inference Protocol: one `[n,1]` tensor for each feature,
 * FP64 little-endian or BYTES with 32-bit lengths, as the protocol's raw contents want them.
 */
export async function score(
  server: GrpcPerennial,
  model: string,
  features: Record<string, Column>,
): Promise<Float64Array> {
  const names = Object.keys(features);
  const rows = BigInt(Object.values(features)[0]?.length ?? 0);
  const response = await server.infer(
    create(oip.ModelInferRequestSchema, {
      modelName: model,
      inputs: names.map((name) => ({
        name,
        datatype: isText(features[name]) ? 'BYTES' : 'FP64',
        shape: [rows, 1n],
      })),
      rawInputContents: names.map((name) => rawContents(features[name] as Column)),
    }),
  );
  const raw = response.rawOutputContents[0] ?? new Uint8Array();
  return new Float64Array(raw.slice().buffer);
}

function isText(column: Column | undefined): column is string[] {
  return Array.isArray(column);
}

function rawContents(column: Column): Uint8Array {
  if (!isText(column)) return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
  const parts = column.flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}
