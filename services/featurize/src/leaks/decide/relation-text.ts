import type { Combination } from './exact-combination.js';

/** Digits that a coefficient is shown and checked with; a rounding error of the fit lies behind them. */
const digits = 9;

/** A coefficient as somebody would have written it: 1 rather than 0.99999999987. */
export function plainNumber(value: number): number {
  const rounded = Number(value.toPrecision(digits));
  const whole = Math.round(value * 1e6) / 1e6;
  return Math.abs(value - whole) <= 1e-9 * Math.max(1, Math.abs(value)) ? whole : rounded;
}

/** `casual + registered`, `1.8 * celsius + 32`. */
export function combinationText({ constant, terms }: Combination, names: readonly string[]): string {
  const shown = terms.map(({ index, coefficient }) => {
    const factor = plainNumber(coefficient);
    const name = names[index] as string;
    if (Math.abs(factor) === 1) return { sign: factor, text: name };
    return { sign: Math.sign(factor), text: `${Math.abs(factor)} * ${name}` };
  });
  const rest = plainNumber(constant);
  const spread = terms.reduce((sum, { coefficient }) => sum + Math.abs(coefficient), 0);
  if (Math.abs(rest) > 1e-6 * Math.max(1, spread))
    shown.push({ sign: Math.sign(rest), text: String(Math.abs(rest)) });
  return shown
    .map(({ sign, text }, at) => {
      if (at === 0) return sign < 0 ? `-${text}` : text;
      return sign < 0 ? ` - ${text}` : ` + ${text}`;
    })
    .join('');
}
