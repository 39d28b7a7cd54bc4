/**
 * Protobuf by tables of field numbers: enough for the protocol's messages, and written apart from any generated code,
 * so that a wrong field number on either side shows.
 */

type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'float' | 'double';
export interface Field {
  readonly number: number;
  readonly type: Scalar | Schema;
  readonly isRepeated?: boolean;
  /** Values by text; as a list on the wire. */
  readonly isMap?: boolean;
}
export type Schema = { readonly [name: string]: Field };

export type Fields = { readonly [name: string]: unknown };

type WireType = 0 | 1 | 2 | 5;

function wireTypeOf(type: Field['type']): WireType {
  if (typeof type === 'object' || type === 'string' || type === 'bytes') return 2;
  if (type === 'double') return 1;
  return type === 'float' ? 5 : 0;
}

export function encodeMessage(schema: Schema, message: Fields): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(message)) {
    const field = schema[name];
    if (!field) throw new Error(`the message has no field ${name}`);
    if (value === undefined) continue;
    if (field.isMap) {
      const entry: Schema = { key: { number: 1, type: 'string' }, value: { number: 2, type: field.type } };
      for (const [key, of] of Object.entries(value as Fields)) {
        parts.push(tag(field.number, 2), delimited(encodeMessage(entry, { key, value: of })));
      }
    } else if (field.isRepeated) parts.push(...encodeList(field, value as unknown[]));
    else parts.push(tag(field.number, wireTypeOf(field.type)), encodeValue(field.type, value));
  }
  return Buffer.concat(parts);
}

/** Numbers are packed, as every writer does; texts, bytes and messages cannot be. */
function encodeList({ number, type }: Field, values: readonly unknown[]): Buffer[] {
  if (values.length === 0) return [];
  if (wireTypeOf(type) === 2) return values.flatMap((value) => [tag(number, 2), encodeValue(type, value)]);
  return [tag(number, 2), delimited(Buffer.concat(values.map((value) => encodeValue(type, value))))];
}

function encodeValue(type: Field['type'], value: unknown): Buffer {
  if (typeof type === 'object') return delimited(encodeMessage(type, value as Fields));
  switch (type) {
    case 'string':
    case 'bytes':
      return delimited(Buffer.from(value as string));
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value as number);
      return bytes;
    }
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(value as number);
      return bytes;
    }
    default:
      return varint(BigInt.asUintN(64, BigInt(value as number)));
  }
}

export function tag(number: number, type: WireType): Buffer {
  return varint(BigInt(number * 8 + type));
}

export function delimited(bytes: Buffer): Buffer {
  return Buffer.concat([varint(BigInt(bytes.length)), bytes]);
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** Every field of the schema is there: absent ones with their default, absent messages as undefined. */
export function decodeMessage<T>(schema: Schema, bytes: Buffer): T {
  const message: Record<string, unknown> = {};
  for (const [name, { type, isRepeated, isMap }] of Object.entries(schema)) {
    message[name] = isRepeated ? [] : isMap ? {} : defaultOf(type);
  }
  const byNumber = new Map(Object.entries(schema).map(([name, field]) => [field.number, { name, ...field }]));
  const reader = new Reader(bytes);
  while (!reader.isAtEnd) {
    const key = Number(reader.varint());
    const field = byNumber.get(key >> 3);
    const type = (key & 7) as WireType;
    if (!field) reader.skip(type);
    else if (field.isMap) {
      const entry: Schema = { key: { number: 1, type: 'string' }, value: { number: 2, type: field.type } };
      const { key: of, value } = decodeMessage<{ key: string; value: unknown }>(entry, reader.bytes());
      (message[field.name] as Record<string, unknown>)[of] = value;
    } else if (!field.isRepeated) message[field.name] = reader.value(field.type);
    else if (type === 2 && wireTypeOf(field.type) !== 2) {
      const packed = new Reader(reader.bytes());
      while (!packed.isAtEnd) (message[field.name] as unknown[]).push(packed.value(field.type));
    } else (message[field.name] as unknown[]).push(reader.value(field.type));
  }
  return message as T;
}

function defaultOf(type: Field['type']): unknown {
  if (typeof type === 'object') return undefined;
  if (type === 'string') return '';
  if (type === 'bytes') return Buffer.alloc(0);
  if (type === 'bool') return false;
  return type === 'int64' || type === 'uint64' ? 0n : 0;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error('the message ends within a number');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  bytes(): Buffer {
    return this.#take(Number(this.varint()));
  }

  #take(length: number): Buffer {
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new Error('the message ends within a field');
    return this.#bytes.subarray(from, this.#at);
  }

  value(type: Field['type']): unknown {
    if (typeof type === 'object') return decodeMessage(type, this.bytes());
    switch (type) {
      case 'string':
        return this.bytes().toString('utf8');
      case 'bytes':
        return this.bytes();
      case 'float':
        return this.#take(4).readFloatLE();
      case 'double':
        return this.#take(8).readDoubleLE();
      case 'bool':
        return this.varint() !== 0n;
      case 'int32':
        return Number(BigInt.asIntN(32, this.varint()));
      case 'uint32':
        return Number(this.varint());
      case 'int64':
        return BigInt.asIntN(64, this.varint());
      case 'uint64':
        return this.varint();
    }
  }

  skip(type: WireType): void {
    if (type === 0) this.varint();
    else if (type === 2) this.bytes();
    else this.#take(type === 1 ? 8 : 4);
  }
}
