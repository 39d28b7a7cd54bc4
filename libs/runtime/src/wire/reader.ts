/** Something that is well-formed, or may be, and is left to the general reader. */
export class Uncommon extends Error {}

/** One for all: it is thrown where the general reader takes over, and nobody sees its stack. */
const uncommon = new Uncommon('left to the general reader');

export function leave(): never {
  throw uncommon;
}

/**
 * Reads protobuf's wire format (protobuf.dev/programming-guides/encoding) as far as our own hot messages use it. What is
 * longer, rarer or broken is left to the general reader, which knows what to say.
 */
export class WireReader {
  readonly #bytes: Buffer;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.#bytes = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = from;
    this.end = end;
  }

  /** Up to 2^31 - 1: tags, lengths, counts and sizes. */
  varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.at >= this.end) leave();
      const byte = bytes[this.at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    if (this.at >= this.end) leave();
    const byte = bytes[this.at++] as number;
    if (byte > 0x07) leave();
    return value | (byte << 28);
  }

  /** Up to 2^53 - 1. */
  bigVarint(): number {
    let value = 0;
    let times = 1;
    for (;;) {
      if (this.at >= this.end || times > 2 ** 42) leave();
      const byte = this.#bytes[this.at++] as number;
      value += (byte & 0x7f) * times;
      if (byte < 0x80) return value;
      times *= 128;
    }
  }

  float(): number {
    if (this.at + 4 > this.end) leave();
    const value = this.#bytes.readFloatLE(this.at);
    this.at += 4;
    return value;
  }

  /** A view, as the general reader gives. */
  bytes(): Uint8Array {
    const to = this.#to();
    const bytes = this.#bytes.subarray(this.at, to);
    this.at = to;
    return bytes;
  }

  /** ASCII, as names, versions and digests mostly are. */
  text(): string {
    const bytes = this.#bytes;
    const to = this.#to();
    const from = this.at;
    for (let at = from; at < to; at++) if ((bytes[at] as number) >= 0x80) leave();
    this.at = to;
    return bytes.toString('latin1', from, to);
  }

  /** A message inside of this one. */
  message(): WireReader {
    const to = this.#to();
    const inner = new WireReader(this.#bytes, this.at, to);
    this.at = to;
    return inner;
  }

  #to(): number {
    const length = this.varint();
    const to = this.at + length;
    if (to > this.end) leave();
    return to;
  }
}

/** Reads with `common`, and where that leaves it, with `general`. */
export function reading<T>(
  common: (reader: WireReader) => T,
  general: (bytes: Uint8Array) => T,
): (bytes: Uint8Array) => T {
  return (bytes) => {
    try {
      return common(new WireReader(bytes));
    } catch (thrown) {
      if (thrown instanceof Uncommon) return general(bytes);
      throw thrown;
    }
  };
}
