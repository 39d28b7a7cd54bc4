/** Datatypes and elements as this suite has them: independent of any server's code. */

export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'BF16'
  | 'FP32'
  | 'FP64'
  | 'BYTES';

/** FP16 and BF16 as their 16 bits. */
export type Values = readonly (number | bigint | boolean | string)[];

export interface WireTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data: Values;
}

interface Codec {
  readonly bytes: number;
  write(view: DataView, at: number, value: never): void;
  read(view: DataView, at: number): number | bigint | boolean;
}

const codec = (
  bytes: number,
  write: (view: DataView, at: number, value: never) => void,
  read: Codec['read'],
): Codec => ({ bytes, write, read });

const codecs: Record<Exclude<Datatype, 'BYTES'>, Codec> = {
  BOOL: codec(
    1,
    (v, at, value) => v.setUint8(at, value ? 1 : 0),
    (v, at) => v.getUint8(at) === 1,
  ),
  UINT8: codec(
    1,
    (v, at, value) => v.setUint8(at, value),
    (v, at) => v.getUint8(at),
  ),
  UINT16: codec(
    2,
    (v, at, value) => v.setUint16(at, value, true),
    (v, at) => v.getUint16(at, true),
  ),
  UINT32: codec(
    4,
    (v, at, value) => v.setUint32(at, value, true),
    (v, at) => v.getUint32(at, true),
  ),
  UINT64: codec(
    8,
    (v, at, value) => v.setBigUint64(at, value, true),
    (v, at) => v.getBigUint64(at, true),
  ),
  INT8: codec(
    1,
    (v, at, value) => v.setInt8(at, value),
    (v, at) => v.getInt8(at),
  ),
  INT16: codec(
    2,
    (v, at, value) => v.setInt16(at, value, true),
    (v, at) => v.getInt16(at, true),
  ),
  INT32: codec(
    4,
    (v, at, value) => v.setInt32(at, value, true),
    (v, at) => v.getInt32(at, true),
  ),
  INT64: codec(
    8,
    (v, at, value) => v.setBigInt64(at, value, true),
    (v, at) => v.getBigInt64(at, true),
  ),
  FP16: codec(
    2,
    (v, at, value) => v.setUint16(at, value, true),
    (v, at) => v.getUint16(at, true),
  ),
  BF16: codec(
    2,
    (v, at, value) => v.setUint16(at, value, true),
    (v, at) => v.getUint16(at, true),
  ),
  FP32: codec(
    4,
    (v, at, value) => v.setFloat32(at, value, true),
    (v, at) => v.getFloat32(at, true),
  ),
  FP64: codec(
    8,
    (v, at, value) => v.setFloat64(at, value, true),
    (v, at) => v.getFloat64(at, true),
  ),
};

export function is64Bit(datatype: string): boolean {
  return datatype === 'INT64' || datatype === 'UINT64';
}

/** The bytes of a tensor's elements, as the binary extension and raw contents have them. */
export function encode(datatype: string, data: Values): Buffer {
  if (datatype === 'BYTES') return Buffer.concat((data as string[]).map(withLength));
  const { bytes, write } = codecs[datatype as 'BOOL'];
  const buffer = Buffer.alloc(bytes * data.length);
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  data.forEach((value, at) => {
    write(view, at * bytes, value as never);
  });
  return buffer;
}

function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The reverse. */
export function decode(datatype: string, bytes: Buffer): Values {
  if (datatype === 'BYTES') {
    const texts: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32LE(at);
      texts.push(bytes.toString('utf8', at + 4, at + 4 + length));
      at += 4 + length;
    }
    return texts;
  }
  const { bytes: size, read } = codecs[datatype as 'BOOL'];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / size }, (_, at) => read(view, at * size));
}

/** Compares bit for bit: NaN with NaN, 0 apart from -0. */
export function bitsOf({ datatype, data }: Pick<WireTensor, 'datatype' | 'data'>): string {
  return datatype === 'BYTES' ? JSON.stringify(data) : encode(datatype, data).toString('hex');
}

/** Elements at the ends of each datatype's range, and the awkward ones in between. */
export const edges: Record<Exclude<Datatype, 'BF16'>, Values> = {
  BOOL: [true, false, false, true],
  UINT8: [0, 1, 127, 128, 254, 255],
  UINT16: [0, 1, 256, 32_767, 32_768, 65_535],
  UINT32: [0, 1, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1],
  UINT64: [0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
  INT8: [-128, -127, -1, 0, 1, 127],
  INT16: [-32_768, -1, 0, 1, 255, 32_767],
  INT32: [-(2 ** 31), -1, 0, 1, 65_536, 2 ** 31 - 1],
  INT64: [-(2n ** 63n), -(2n ** 53n) - 1n, -1n, 0n, 2n ** 53n + 1n, 2n ** 63n - 1n],
  // 0, 1, -2, 65504 (largest), 2^-24 (smallest), 1/3
  FP16: [0x0000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x3555],
  FP32: [0, 1, -1.5, Math.fround(0.1), Math.fround(3.4028234e38), Math.fround(1.4e-45)],
  FP64: [0, 1, -1.5, 0.1, Number.MAX_VALUE, Number.MIN_VALUE],
  BYTES: ['', 'a', 'naïve', '日本語 🌍', '"quoted" \\ and\nlines', ' '],
};

/** What JSON has no word for. */
export const beyondJson: Record<'FP16' | 'FP32' | 'FP64', Values> = {
  FP32: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0],
  FP64: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0],
  FP16: [0x7e00, 0x7c00, 0xfc00, 0x8000],
};
