/**
 * Hashes of values in two 32-bit halves, the same on every machine. The mixing steps are those of MurmurHash3's
 * finaliser (Appleby, public domain): each input bit changes each output bit with probability one half.
 */
export interface Hash {
  high: number;
  low: number;
}

const number = new Float64Array(1);
const words = new Uint32Array(number.buffer);

/** Hash of a number; 0 and -0 are one value. Written into `out`, so that a column needs no object for each cell. */
export function hashNumber(value: number, out: Hash): void {
  number[0] = value + 0;
  hashWords(words[0] as number, words[1] as number, out);
}

/** Hash of the two words of a number whose zero is positive. */
export function hashWords(first: number, second: number, out: Hash): void {
  const a = mix(first ^ Math.imul(second, 0x9e3779b1));
  const b = mix(second + Math.imul(a, 0x85ebca77));
  out.low = b >>> 0;
  out.high = mix(a ^ Math.imul(b, 0xc2b2ae3d)) >>> 0;
}

/** Hash of a text, by its UTF-16 units. */
export function hashText(text: string, out: Hash): void {
  let [a, b] = [0x9747b28c, 0x3c6ef372];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b + unit, 0x85ebca6b) ^ (b >>> 15);
  }
  hashWords(a ^ text.length, b, out);
}

/** MurmurHash3's finaliser of one word. */
export function mix(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
