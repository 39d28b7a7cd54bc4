import { exactOf, fusedDouble, nearestOf } from './fused.js';

/**
 * e to the power of `x` for x in [-40, 0], in the two ways in which the engine computes it: pairs of doubles by the
 * vector formula of Cephes (Moshier; as Eigen has it), a last single one by the C library (Nagy's table-driven
 * method of the ARM optimized routines, in glibc since 2.28, compiled with fused multiply-add).
 */

export function exponentialOfPair(x: number): number {
  const power = Math.floor(Math.LOG2E * x + 0.5);
  const rest = x - power * 0.693145751953125 - power * 1.4286068203094173e-6;
  const square = rest * rest;
  const odd = rest * ((0.00012617719307481058 * square + 0.030299440770744195) * square + 1.0);
  const even =
    ((3.0019850513866446e-6 * square + 0.002524483403496841) * square + 0.22726554820815503) * square + 2;
  return (2 * (odd / (even - odd)) + 1) * 2 ** power;
}

/** Steps of the table between 1 and 2. */
const steps = 128;
/** 1.5 * 2^52: added and taken away, it rounds to a whole number. */
const rounder = 6755399441055744;
/** 128 / ln 2, and -ln 2 / 128 in two parts. */
const stepsPerUnit = Math.LOG2E * steps;
const unitHigh = -0.005415212348111709;
const unitLow = -1.2864023111638344e-14;
/** Minimax polynomial of (e^r - 1 - r) / r² on half a step to either side. */
const polynomial = [0.49999999999996786, 0.16666666666665886, 0.0416666808410674, 0.008333335853059549];

let table: { roots: Float64Array; tails: Float64Array } | undefined;

export function exponentialOfOne(x: number): number {
  if (Math.abs(x) < 2 ** -54) return 1 + x;
  table ??= powersOfTwo();
  const [p2, p3, p4, p5] = polynomial as [number, number, number, number];
  const count = fusedDouble(stepsPerUnit, x, rounder) - rounder;
  const rest = fusedDouble(count, unitLow, fusedDouble(count, unitHigh, x));
  const step = ((count % steps) + steps) % steps;
  const square = rest * rest;
  let sum = (table.tails[step] as number) + rest;
  sum = fusedDouble(square, fusedDouble(rest, p3, p2), sum);
  sum = fusedDouble(square * square, fusedDouble(rest, p5, p4), sum);
  const scale = (table.roots[step] as number) * 2 ** ((count - step) / steps);
  return fusedDouble(scale, sum, scale);
}

/** 2^(i/128) as the nearest double and the relative rest that the double lacks, from whole-number arithmetic. */
function powersOfTwo(): { roots: Float64Array; tails: Float64Array } {
  const bits = 400n;
  let root = 2n << bits;
  for (let halvings = 0; halvings < 7; halvings++) root = squareRoot(root << bits);
  const roots = new Float64Array(steps);
  const tails = new Float64Array(steps);
  let power = 1n << bits;
  for (let step = 0; step < steps; step++) {
    roots[step] = nearestOf(power, -Number(bits));
    const { digits, exponent } = exactOf(roots[step] as number);
    const near = digits << (bits + BigInt(exponent));
    const relative = ((power - near) << bits) / near;
    tails[step] = relative === 0n ? 0 : nearestOf(relative, -Number(bits));
    power = (power * root) >> bits;
  }
  return { roots, tails };
}

/** Newton's, from above. */
function squareRoot(square: bigint): bigint {
  let root = 1n << BigInt((square.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}
