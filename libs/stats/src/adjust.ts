/** Holm's step-down adjustment: with level alpha on the result, the chance of any false rejection is at most alpha. */
export function holm(p: readonly number[]): number[] {
  const order = ascending(p);
  const adjusted = new Array<number>(p.length);
  let running = 0;
  order.forEach((at, rank) => {
    running = Math.max(running, Math.min(1, (p[at] as number) * (p.length - rank)));
    adjusted[at] = running;
  });
  return adjusted;
}

/** Benjamini and Hochberg's step-up adjustment: with level q, the expected share of false ones among the rejected is at most q. */
export function benjaminiHochberg(p: readonly number[]): number[] {
  const order = ascending(p);
  const adjusted = new Array<number>(p.length);
  let running = 1;
  for (let rank = p.length - 1; rank >= 0; rank--) {
    const at = order[rank] as number;
    running = Math.min(running, ((p[at] as number) * p.length) / (rank + 1));
    adjusted[at] = running;
  }
  return adjusted;
}

function ascending(p: readonly number[]): number[] {
  return p.map((_, at) => at).sort((a, b) => (p[a] as number) - (p[b] as number) || a - b);
}
