/** Buckets that the hashes of keys fall into; as in the gateway, which hashes. */
export const routeBuckets = 10_000;

/** A version's share of the requests, and the buckets that are its own. */
export interface Share {
  readonly version: number;
  /** Of all requests, 0 to 1. */
  readonly weight: number;
  /** Pairs of the first bucket of a run and how many the run has. */
  readonly buckets: readonly number[];
}

/**
 * Deals the buckets out anew, so that each version has its weight's share of them, to one bucket. Only as many change
 * hands as must: who has too many gives up the highest ones, who has too few takes those. Weights need not add up to 1.
 */
export function rebucket(
  before: readonly Share[],
  wanted: readonly { readonly version: number; readonly weight: number }[],
): Share[] {
  const quotas = quotasOf(wanted);
  const ownerOf = ownersOf(before);
  const counts = new Map<number, number>();
  for (let bucket = 0; bucket < routeBuckets; bucket++) {
    const owner = ownerOf[bucket] ?? 0;
    const count = counts.get(owner) ?? 0;
    if (owner !== 0 && count < (quotas.get(owner) ?? 0)) counts.set(owner, count + 1);
    else ownerOf[bucket] = 0;
  }
  let free = 0;
  for (const { version } of wanted) {
    for (let missing = (quotas.get(version) ?? 0) - (counts.get(version) ?? 0); missing > 0; missing--) {
      while (ownerOf[free] !== 0) free += 1;
      ownerOf[free] = version;
    }
  }
  const total = sumOf(wanted);
  return wanted.map(({ version, weight }) => ({
    version,
    weight: weight / total,
    buckets: runsOf(ownerOf, version),
  }));
}

/** Whole buckets by the largest remainder (Hamilton's method). */
function quotasOf(
  wanted: readonly { readonly version: number; readonly weight: number }[],
): Map<number, number> {
  const total = sumOf(wanted);
  const exact = wanted.map(({ version, weight }) => ({ version, share: (weight / total) * routeBuckets }));
  const quotas = new Map(exact.map(({ version, share }) => [version, Math.floor(share)]));
  let left = routeBuckets - [...quotas.values()].reduce((sum, quota) => sum + quota, 0);
  const byRemainder = exact
    .filter(({ share }) => share > 0)
    .sort((a, b) => (b.share % 1) - (a.share % 1) || a.version - b.version);
  for (let at = 0; left > 0; at++, left--) {
    const { version } = byRemainder[at % byRemainder.length] as { version: number };
    quotas.set(version, (quotas.get(version) ?? 0) + 1);
  }
  return quotas;
}

function sumOf(wanted: readonly { readonly weight: number }[]): number {
  return wanted.reduce((sum, { weight }) => sum + weight, 0);
}

/** 0 where nobody owns it; versions count from 1. */
function ownersOf(shares: readonly Share[]): Uint32Array {
  const ownerOf = new Uint32Array(routeBuckets);
  for (const { version, buckets } of shares) {
    for (let at = 0; at + 1 < buckets.length; at += 2) {
      const first = buckets[at] ?? 0;
      ownerOf.fill(version, first, first + (buckets[at + 1] ?? 0));
    }
  }
  return ownerOf;
}

function runsOf(ownerOf: Uint32Array, version: number): number[] {
  const runs: number[] = [];
  for (let bucket = 0; bucket < routeBuckets; bucket++) {
    if (ownerOf[bucket] !== version) continue;
    const first = bucket;
    while (bucket + 1 < routeBuckets && ownerOf[bucket + 1] === version) bucket += 1;
    runs.push(first, bucket - first + 1);
  }
  return runs;
}
