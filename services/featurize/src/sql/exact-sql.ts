import { magnitudeMax, restUnit, squareMagnitudeMax, squareUnit, unit } from '../decide/exact-sum.js';

/** The SQL twins of `decide/exact-sum.ts`. Powers of two, so that scaling loses nothing. */

const double = (value: number) => `${BigInt(value)}::double`;

/** Columns `name_whole` and `name_rest` of a number; null where it is left out. */
export function cutSql(number: string, name: string, { of = unit, max = magnitudeMax } = {}): string {
  const scaled = `(${number} * ${double(of)})`;
  const fits = `abs(${number}) < ${double(max)}`;
  return (
    `case when ${fits} then floor(${scaled})::hugeint end as ${name}_whole, ` +
    `case when ${fits} then floor((${scaled} - floor(${scaled})) * ${double(restUnit)})::hugeint end as ${name}_rest`
  );
}

export const squareCut = { of: squareUnit, max: squareMagnitudeMax };

/** The sum over `over` as a double; null where nothing was added. */
export function sumSql(name: string, over: string, of = unit): string {
  return pairSql(`(sum(${name}_whole) over ${over})`, `(sum(${name}_rest) over ${over})`, of);
}

/** A sum's two integers as a double. */
export function pairSql(whole: string, rest: string, of = unit): string {
  return `(${whole}::double / ${double(of)} + ${rest}::double / ${double(restUnit)} / ${double(of)})`;
}
