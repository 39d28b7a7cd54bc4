/**
 * Sums that do not depend on the order of their terms, so that a window gives the same mean whether DuckDB or this
 * process adds it up. A number is cut into two integers: whole units of 2^-40, and what remains in units of 2^-140.
 * `sql/exact-sql.ts` does the same in SQL, operation by operation.
 */
export const unit = 2 ** 40;
export const restUnit = 2 ** 100;
/** Above, the integers could leave 128 bits; such numbers are left out, as missing ones are. */
export const magnitudeMax = 2 ** 70;
/** Squares are counted in units of 2^-10, so that they may be larger. */
export const squareUnit = 2 ** 10;
export const squareMagnitudeMax = 2 ** 100;

export interface ExactSum {
  readonly count: number;
  readonly sum: number;
}

export function exactSum(numbers: readonly number[], { of = unit, max = magnitudeMax } = {}): ExactSum {
  let [whole, rest, count] = [0n, 0n, 0];
  for (const number of numbers) {
    if (!(Math.abs(number) < max)) continue;
    const scaled = number * of;
    const floor = Math.floor(scaled);
    whole += BigInt(floor);
    rest += BigInt(Math.floor((scaled - floor) * restUnit));
    count += 1;
  }
  return { count, sum: asDouble(whole) / of + asDouble(rest) / restUnit / of };
}

const wordBits = 64n;
const wordMask = (1n << wordBits) - 1n;

/** As DuckDB turns a HUGEINT into a DOUBLE: by halves, which rounds twice where it has more than 64 bits. */
function asDouble(value: bigint): number {
  if (value >= -wordMask && value <= wordMask) return Number(value);
  const high = value >> wordBits;
  const low = value & wordMask;
  return Number(low) + Number(high) * 2 ** 64;
}
