/** Writes protobuf's wire format into one buffer; fields in the order that they are asked for. */
export class WireWriter {
  #bytes: Buffer;
  #at = 0;

  /** `sizeHint`: bytes that most messages of the kind fit in. */
  constructor(sizeHint: number) {
    this.#bytes = Buffer.allocUnsafe(sizeHint);
  }

  /** A number up to 2^53 - 1; proto3 leaves zeros out. */
  number(field: number, value: number): void {
    if (value === 0) return;
    this.#room(16);
    this.#varint(field << 3);
    this.#varint(value);
  }

  float(field: number, value: number): void {
    if (Object.is(value, 0)) return;
    this.#room(8);
    this.#varint((field << 3) | 5);
    this.#at = this.#bytes.writeFloatLE(value, this.#at);
  }

  text(field: number, value: string): void {
    if (value !== '') this.element(field, value);
  }

  /** A text that is written even where it is empty: one of a list, or in a oneof. */
  element(field: number, value: string): void {
    this.#room(10 + 3 * value.length);
    this.#varint((field << 3) | 2);
    const isPlain = isAscii(value);
    this.#varint(isPlain ? value.length : Buffer.byteLength(value));
    this.#at += this.#bytes.write(value, this.#at, isPlain ? 'latin1' : 'utf8');
  }

  bytes(field: number, value: Uint8Array): void {
    this.#room(10 + value.length);
    this.#varint((field << 3) | 2);
    this.#varint(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Numbers of a repeated field, packed. */
  packed(field: number, values: readonly number[]): void {
    if (values.length > 0) this.message(field, () => this.#packed(values));
  }

  /** A message inside of this one, which `write` writes. */
  message(field: number, write: () => void): void {
    this.#room(10);
    this.#varint((field << 3) | 2);
    // Nearly all are shorter than 128 bytes, whose length is one byte; others are moved.
    const start = this.#at + 1;
    this.#at = start;
    write();
    const length = this.#at - start;
    const extra = varintBytes(length) - 1;
    if (extra > 0) {
      this.#room(extra);
      this.#bytes.copyWithin(start + extra, start, start + length);
    }
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #packed(values: readonly number[]): void {
    this.#room(8 * values.length);
    for (const value of values) this.#varint(value);
  }

  #varint(value: number): void {
    const bytes = this.#bytes;
    let rest = value;
    while (rest >= 0x80) {
      bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    bytes[this.#at++] = rest;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#at + bytes, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** Of ASCII the length in bytes is known before it is written. */
function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= 0x80) return false;
  return true;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}
