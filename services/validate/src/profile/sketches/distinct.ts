import { type Hash, hashNumber, hashText, mix } from './hash.js';

/** 2^14 registers: a standard error of 1.04 / sqrt(2^14) = 0.8 %. */
const bits = 14;
const registers = 1 << bits;

/**
 * Counts distinct values in 16 KiB, whatever their number (HyperLogLog: Flajolet et al. 2007; the estimate is Ertl's
 * improved one, arXiv 1702.01284, which needs no correction for few values). A merge is exact: the sketch of a whole
 * equals that of its parts.
 */
export class DistinctSketch {
  readonly #registers: Uint8Array;
  readonly #hash: Hash = { high: 0, low: 0 };

  constructor(bytes: Uint8Array = new Uint8Array(registers)) {
    this.#registers = bytes;
  }

  addNumber(value: number): void {
    hashNumber(value, this.#hash);
    this.addHash(this.#hash);
  }

  /** Adds the first `count` of these values, none of which is -0; the hash is written out, since a column has a million. */
  addNumbers(values: Float64Array, count: number): void {
    const words = new Uint32Array(values.buffer, values.byteOffset, 2 * count);
    const mine = this.#registers;
    for (let i = 0; i < 2 * count; i += 2) {
      const [first, second] = [words[i] as number, words[i + 1] as number];
      const a = mix(first ^ Math.imul(second, 0x9e3779b1));
      const low = mix(second + Math.imul(a, 0x85ebca77));
      const index = (mix(a ^ Math.imul(low, 0xc2b2ae3d)) >>> 0) >>> (32 - bits);
      const rank = Math.clz32(low) + 1;
      if (rank > (mine[index] as number)) mine[index] = rank;
    }
  }

  addText(text: string): void {
    hashText(text, this.#hash);
    this.addHash(this.#hash);
  }

  addHash({ high, low }: Hash): void {
    const index = high >>> (32 - bits);
    // The rank of the first one among the 32 low bits; values beyond 2^46 would need more.
    const rank = Math.clz32(low) + 1;
    if (rank > (this.#registers[index] as number)) this.#registers[index] = rank;
  }

  merge(other: DistinctSketch): void {
    for (let i = 0; i < registers; i++) {
      const rank = other.#registers[i] as number;
      if (rank > (this.#registers[i] as number)) this.#registers[i] = rank;
    }
  }

  /** Estimated number of distinct values: within 2 % in 98 of 100 cases. */
  estimate(): number {
    const ranks = 33;
    const counts = new Float64Array(ranks + 1);
    for (const rank of this.#registers) counts[rank] = (counts[rank] as number) + 1;
    let sum = registers * tau(1 - (counts[ranks] as number) / registers);
    for (let rank = ranks - 1; rank >= 1; rank--) sum = (sum + (counts[rank] as number)) / 2;
    sum += registers * sigma((counts[0] as number) / registers);
    const estimate = registers ** 2 / (2 * Math.LN2) / sum;
    return Number.isFinite(estimate) ? Math.round(estimate) : 0;
  }

  bytes(): Uint8Array {
    return this.#registers;
  }
}

/** Ertl's sigma: what empty registers add. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY;
  let [power, weight, sum] = [share, 1, share];
  for (let before = -1; sum !== before; weight *= 2) {
    before = sum;
    power *= power;
    sum += power * weight;
  }
  return sum;
}

/** Ertl's tau: what full registers take away. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0;
  let [root, weight, sum] = [share, 1, 1 - share];
  for (let before = -1; sum !== before; ) {
    before = sum;
    root = Math.sqrt(root);
    weight /= 2;
    sum -= (1 - root) ** 2 * weight;
  }
  return sum / 3;
}
