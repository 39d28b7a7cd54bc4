/** Dependence stronger than this is taken for this: beyond it no stretch of data says anything on its own. */
const strongest = 0.98;

/**
 * The lag-1 autocorrelation of a feature, from windows of consecutive values, each centred on its own mean so that a
 * season's trend is not taken for dependence; corrected for the bias that centring short windows brings (Marriott and
 * Pope). Between 0 and 0.98: negative dependence would only make tests less careful, so it is taken for none. Values
 * that never vary (a season's number within a fortnight) say nothing against the strongest dependence, so it is assumed.
 */
export function serialCorrelation(windows: readonly ArrayLike<number>[]): number {
  let products = 0;
  let squares = 0;
  let pairs = 0;
  let used = 0;
  for (const window of windows) {
    if (window.length < 5) continue;
    used++;
    let sum = 0;
    for (let i = 0; i < window.length; i++) sum += window[i] as number;
    const centre = sum / window.length;
    for (let i = 0; i < window.length; i++) {
      const here = (window[i] as number) - centre;
      squares += here * here;
      if (i > 0) {
        products += here * ((window[i - 1] as number) - centre);
        pairs++;
      }
    }
  }
  if (squares === 0) return used === 0 ? 0 : strongest;
  const length = pairs / used + 1;
  const raw = products / squares;
  return Math.min(strongest, Math.max(0, (raw * length + 1) / (length - 4)));
}

/** The same for categories: how much likelier neighbours agree than two values taken at random. */
export function categoryCorrelation(windows: readonly (readonly string[])[]): number {
  let agreeing = 0;
  let pairs = 0;
  let expected = 0;
  for (const window of windows) {
    const counts = new Map<string, number>();
    for (let i = 0; i < window.length; i++) {
      counts.set(window[i] as string, (counts.get(window[i] as string) ?? 0) + 1);
      if (i > 0 && window[i] === window[i - 1]) agreeing++;
    }
    if (window.length < 2) continue;
    pairs += window.length - 1;
    let same = 0;
    for (const count of counts.values())
      same += (count * (count - 1)) / (window.length * (window.length - 1));
    expected += same * (window.length - 1);
  }
  if (pairs === 0 || expected >= pairs) return 0;
  return Math.min(strongest, Math.max(0, (agreeing - expected) / (pairs - expected)));
}

/**
 * How many independent observations n consecutive ones are worth for a mean, where neighbours correlate by
 * `correlation` and the correlation fades geometrically. Never under one.
 */
export function effectiveSize(n: number, correlation: number): number {
  if (n <= 1 || correlation <= 0) return n;
  const rest = 1 - correlation;
  const inflation = 1 + 2 * (correlation / rest - (correlation * (1 - correlation ** n)) / (n * rest * rest));
  return Math.max(1, n / inflation);
}
