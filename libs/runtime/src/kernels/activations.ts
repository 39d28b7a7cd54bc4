import { exponentialOfOne, exponentialOfPair } from './exponential.js';
import { fusedFloat } from './fused.js';

/** Activations as the engine computes them, on `count` elements of `from`, written to `to`. */
export type Activation = (
  from: Float32Array | Float64Array,
  to: Float32Array | Float64Array,
  count: number,
) => void;

export const relu: Activation = (from, to, count) => {
  // A NaN stays one, and so does 0 without a sign.
  for (let at = 0; at < count; at++) {
    const value = from[at] as number;
    to[at] = Math.max(value, 0);
  }
};

/** Eigen's form: pairs take the vector exponential, an odd last one the library's. */
export const sigmoidDouble: Activation = (from, to, count) => {
  const paired = count - (count % 2);
  for (let at = 0; at < paired; at++) to[at] = sigmoidBy(exponentialOfPair, from[at] as number);
  if (paired < count) to[paired] = sigmoidBy(exponentialOfOne, from[paired] as number);
};

function sigmoidBy(exponential: (x: number) => number, x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  // e^-40 is under half of the last place of 1.
  const share = 1 / (1 + (size > 40 ? 0 : exponential(-size)));
  return x >= 0 ? share : 1 - share;
}

const floats = (values: readonly number[]) => Float32Array.from(values);

/** Rational approximations of Eigen and MLAS (odd polynomial over even one, highest power first). */
const tanhOdd = floats([
  -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-8,
  1.48572235717979e-5, 6.37261928875436e-4, 4.89352455891786e-3,
]);
const tanhEven = floats([1.19825839466702e-6, 1.18534705686654e-4, 2.268434632439e-3, 4.89352518554385e-3]);
const sigmoidOdd = floats([
  4.37031012579801e-11, 1.15627324459942e-7, 6.08574864600143e-5, 8.51377133304701e-3, 2.48287947061529e-1,
]);
const sigmoidEven = floats([
  6.10247389755681e-13, 5.76102136993427e-9, 6.2910678501704e-6, 1.70198817374094e-3, 1.16817656904453e-1,
  9.9315192102318e-1,
]);

export const tanhFloat: Activation = (from, to, count) => {
  for (let at = 0; at < count; at++) to[at] = rational(tanhOdd, tanhEven, from[at] as number, 9);
};

export const sigmoidFloat: Activation = (from, to, count) => {
  for (let at = 0; at < count; at++) {
    const value = Math.fround(rational(sigmoidOdd, sigmoidEven, from[at] as number, 18) + 0.5);
    to[at] = Math.min(1, Math.max(0, value));
  }
};

function rational(odd: Float32Array, even: Float32Array, given: number, bound: number): number {
  const x = Math.min(bound, Math.max(-bound, given));
  const square = Math.fround(x * x);
  const above = Math.fround(horner(odd, square) * x);
  return Math.fround(above / horner(even, square));
}

function horner(coefficients: Float32Array, x: number): number {
  let sum = coefficients[0] as number;
  for (let at = 1; at < coefficients.length; at++) sum = fusedFloat(sum, x, coefficients[at] as number);
  return sum;
}
