import { invalid } from '@perennial/kernel';

/** What a frame may ask to be remembered; RFC 8878 advises decoders to bear 8 MiB. */
const windowBytesMax = 8 * 1024 * 1024;
const zstdMagic = 0xfd2fb528;

/**
 * Walks along the frames of a zstd stream (RFC 8878) before its decoder, which would reserve whatever window a frame asks
 * for. What is no zstd is left for the decoder to refuse.
 */
export class ZstdFrames {
  #next: 'frame' | 'block' | 'nothing' = 'frame';
  #head: number[] = [];
  #skip = 0;
  #hasChecksum = false;

  /** @throws PlatformError BODY_MALFORMED */
  check(piece: Uint8Array): void {
    for (let at = 0; at < piece.byteLength; ) {
      if (this.#next === 'nothing') return;
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, piece.byteLength - at);
        this.#skip -= passed;
        at += passed;
        continue;
      }
      this.#head.push(piece[at++] as number);
      if (this.#next === 'frame') this.#frame();
      else this.#block();
    }
  }

  #frame(): void {
    const head = Buffer.from(this.#head);
    if (head.length < 5) return;
    const magic = head.readUInt32LE(0);
    if (magic >>> 4 === 0x184d2a5) {
      if (head.length < 8) return;
      this.#skip = head.readUInt32LE(4);
      this.#head = [];
      return;
    }
    if (magic !== zstdMagic) {
      this.#next = 'nothing';
      return;
    }
    const descriptor = head[4] as number;
    const isSingle = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
    const sizeAt = 5 + (isSingle ? 0 : 1) + dictionaryBytes;
    if (head.length < sizeAt + sizeBytes) return;
    const window = isSingle ? contentSize(head.subarray(sizeAt)) : windowSize(head[5] as number);
    if (window > windowBytesMax) {
      throw invalid(
        'BODY_MALFORMED',
        `the body is zstd with a window of ${window} bytes; pack it with one of at most ${windowBytesMax} (levels up to 19)`,
      );
    }
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#next = 'block';
    this.#head = [];
  }

  #block(): void {
    if (this.#head.length < 3) return;
    const header = Buffer.from(this.#head).readUIntLE(0, 3);
    const isRepeated = ((header >> 1) & 3) === 1;
    this.#skip = isRepeated ? 1 : header >> 3;
    this.#head = [];
    if ((header & 1) === 0) return;
    if (this.#hasChecksum) this.#skip += 4;
    this.#next = 'frame';
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE(0));
  const size = field.readUIntLE(0, field.length);
  return field.length === 2 ? size + 256 : size;
}
