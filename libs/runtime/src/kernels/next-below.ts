/** The largest number under `value` among the doubles, or the floats; NaN for NaN and minus infinity. */
export function nextBelow(value: number, type: 'float' | 'double'): number {
  if (Number.isNaN(value) || value === Number.NEGATIVE_INFINITY) return Number.NaN;
  return type === 'float' ? floatBelow(value) : doubleBelow(value);
}

function floatBelow(value: number): number {
  if (value === 0) return -(2 ** -149);
  const number = Float32Array.of(value);
  const bits = new Int32Array(number.buffer);
  bits[0] = (bits[0] as number) + (value > 0 ? -1 : 1);
  return number[0] as number;
}

function doubleBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  const number = Float64Array.of(value);
  const bits = new BigInt64Array(number.buffer);
  bits[0] = (bits[0] as bigint) + (value > 0 ? -1n : 1n);
  return number[0] as number;
}
