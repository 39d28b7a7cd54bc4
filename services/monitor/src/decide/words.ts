import { formatEventTime } from '@perennial/kernel';

/** A value for a sentence: at most four significant digits. */
export function show(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);
}

/** `62 %` */
export function showShare(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `p = 0.012`, `p < 0.0001` */
export function showP(p: number): string {
  return p < 1e-4 ? 'p < 0.0001' : `p = ${Number(p.toPrecision(2))}`;
}

/** `2012-04-01 to 2012-04-14` */
export function showSpan(from: number, to: number): string {
  return from === to ? formatEventTime(from) : `${formatEventTime(from)} to ${formatEventTime(to)}`;
}

/** `1 row`, `14 rows` */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
