import { numberArray, type Tensor, type TensorSpec } from '../tensor/tensor.js';

/** Numbers that computers round, order or print in ways of their own. */
const oddNumbers = [
  0,
  -0,
  1,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  Number.MIN_VALUE,
  3.4028234663852886e38,
  1e-45,
  2 ** 53,
];

/** Xorshift: the same rows at every load. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Makes rows to compare a kernel with the engine on: ordinary numbers of several sizes, odd ones, and those at which
 * the model's answers turn (`probes`: splits of trees, known texts) with their neighbours.
 */
export class ProbeRows {
  readonly #specs: readonly TensorSpec[];
  readonly #probes: ReadonlyMap<string, readonly (number | string)[]>;
  readonly #random = numbersFrom(0x2545f491);
  readonly #turns = new Map<string, number>();

  constructor(specs: readonly TensorSpec[], probes: ReadonlyMap<string, readonly (number | string)[]>) {
    this.#specs = specs;
    this.#probes = probes;
  }

  /** Every further call gives other rows, and in the end every probe was among them. */
  next(rows: number): Tensor[] {
    return this.#specs.map(({ name, datatype, shape }) => {
      const sizes = [rows, ...shape.slice(1)];
      const count = sizes.reduce((product, size) => product * size, 1);
      if (datatype === 'BYTES') {
        const data = Array.from({ length: count }, () => this.#text(name));
        return { name, datatype, shape: sizes, data };
      }
      const data = numberArray(datatype, count) as Float64Array;
      for (let at = 0; at < count; at++) data[at] = this.#number(name, datatype === 'FP32');
      return { name, datatype, shape: sizes, data };
    });
  }

  #text(name: string): string {
    return String(this.#probe(name) ?? '');
  }

  #number(name: string, isFloat: boolean): number {
    const kind = this.#random();
    if (kind < 0.1) return oddNumbers[Math.floor(this.#random() * oddNumbers.length)] as number;
    if (kind < 0.5) {
      const probe = Number(this.#probe(name) ?? Number.NaN);
      const least = Math.abs(probe) * (isFloat ? 2 ** -24 : Number.EPSILON / 2);
      if (!Number.isNaN(probe)) return probe + Math.round(this.#random() * 4 - 2) * least;
    }
    const size = 10 ** Math.floor(this.#random() * 6 - 2);
    return (this.#random() * 2 - 1) * size;
  }

  /** One after the other. */
  #probe(name: string): number | string | undefined {
    const probes = this.#probes.get(name);
    if (!probes) return undefined;
    const turn = this.#turns.get(name) ?? 0;
    this.#turns.set(name, turn + 1);
    return probes[turn % probes.length];
  }
}
