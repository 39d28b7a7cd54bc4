/**
 * Fused multiply-add: `a * b + c` rounded once, as the engine's vector code computes it and JavaScript cannot.
 */

const fround = Math.fround;
const floatMax = 2 ** 128 - 2 ** 104;
/** Halfway to what would be the next float: rounds to infinity. */
const overflowMiddle = 2 ** 128 - 2 ** 103;

/** Of floats, to a float. The product of two floats is exact in double; only ties need more than that. */
export function fusedFloat(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rounded = fround(sum);
  const twice = sum + (sum - rounded);
  return fround(twice) === twice && twice !== rounded ? tie(product, c, sum, rounded) : rounded;
}

/** The sum in double lies in the middle of two floats: what was rounded off from it decides. */
export function tie(product: number, c: number, sum: number, rounded: number): number {
  const error = errorOfSum(product, c, sum);
  if (error === 0) return rounded;
  if (!Number.isFinite(rounded)) {
    const isMiddle = Math.abs(sum) === overflowMiddle && error > 0 !== sum > 0;
    return isMiddle ? Math.sign(sum) * floatMax : rounded;
  }
  const other = fround(sum + (sum - rounded));
  return error > 0 === other > rounded ? other : rounded;
}

/** Knuth's TwoSum: what `a + b` lost when it became `sum`; exact. */
function errorOfSum(a: number, b: number, sum: number): number {
  const part = sum - a;
  return a - (sum - part) + (b - part);
}

const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);
/** Veltkamp's splitter for 53 bits. */
const splitter = 2 ** 27 + 1;
/** Between these the error-free transformations neither overflow nor lose bits below the smallest number. */
const smallest = 2 ** -900;
const largest = 2 ** 900;

/**
 * Of doubles, to a double: Boldo and Melquiond, "Emulation of FMA and correctly rounded sums" (IEEE Trans. Comput.
 * 2008): the exact product as two doubles, both added exactly, the rest rounded to odd.
 */
export function fusedDouble(a: number, b: number, c: number): number {
  const product = a * b;
  const size = Math.abs(product);
  if (!(size > smallest && size < largest && Math.abs(a) < largest && Math.abs(b) < largest))
    return outOfRange(a, b, c, product);
  if (!(Math.abs(c) < largest)) return outOfRange(a, b, c, product);
  let big = splitter * a;
  const aHigh = big - (big - a);
  const aLow = a - aHigh;
  big = splitter * b;
  const bHigh = big - (big - b);
  const bLow = b - bHigh;
  const low = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  const lows = c + low;
  const lowsError = errorOfSum(c, low, lows);
  const highs = product + lows;
  const highsError = errorOfSum(product, lows, highs);
  return highs + oddSum(lowsError, highsError);
}

/** `a + b` rounded to odd: an inexact sum gets a last bit of one, so that the next rounding cannot be a false tie. */
function oddSum(a: number, b: number): number {
  const sum = a + b;
  const error = errorOfSum(a, b, sum);
  if (error === 0) return sum;
  double[0] = sum;
  const low = halves[0] as number;
  if ((low & 1) === 1) return sum;
  if (error > 0 === sum > 0) halves[0] = low | 1;
  else {
    if (low === 0) halves[1] = (halves[1] as number) - 1;
    halves[0] = low - 1;
  }
  return double[0];
}

/** Zeros, infinities and NaN follow from plain arithmetic; very large and very small numbers go the exact way. */
function outOfRange(a: number, b: number, c: number, product: number): number {
  if (!Number.isFinite(a) || !Number.isFinite(b) || !Number.isFinite(c) || a === 0 || b === 0)
    return product + c;
  const first = exactOf(a);
  const second = exactOf(b);
  const third = exactOf(c);
  const exponent = Math.min(first.exponent + second.exponent, third.exponent);
  const sum =
    ((first.digits * second.digits) << BigInt(first.exponent + second.exponent - exponent)) +
    (third.digits << BigInt(third.exponent - exponent));
  // An exact zero has the sign that the plain sum has; a rounded one that of what was rounded.
  return sum === 0n ? product + c : nearestOf(sum, exponent);
}

/** `digits * 2 ** exponent`, exactly. */
export function exactOf(value: number): { digits: bigint; exponent: number } {
  double[0] = value;
  const high = halves[1] as number;
  const biased = (high >>> 20) & 0x7ff;
  const fraction = (BigInt(high & 0xfffff) << 32n) | BigInt(halves[0] as number);
  const digits = biased === 0 ? fraction : fraction | (1n << 52n);
  return { digits: value < 0 ? -digits : digits, exponent: Math.max(biased, 1) - 1075 };
}

/** The double nearest to `digits * 2 ** exponent`, ties to even; not for zero. */
export function nearestOf(digits: bigint, exponent: number): number {
  const size = digits < 0n ? -digits : digits;
  const bits = size.toString(2).length;
  const drop = Math.max(bits - 53, -1074 - exponent, 0);
  let kept = size >> BigInt(drop);
  const rest = size - (kept << BigInt(drop));
  const twice = rest * 2n;
  const one = 1n << BigInt(drop);
  if (drop > 0 && (twice > one || (twice === one && (kept & 1n) === 1n))) kept += 1n;
  const value = scaled(Number(kept), exponent + drop);
  return digits < 0n ? -value : value;
}

/** Powers of two beyond a double's own are multiplied in two steps, neither of which rounds. */
function scaled(value: number, exponent: number): number {
  const first = Math.max(-1000, Math.min(1000, exponent));
  return value * 2 ** first * 2 ** (exponent - first);
}
