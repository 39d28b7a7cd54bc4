/** What is known of a replica when a request must go somewhere. */
export interface Standing {
  /** Rows that this gateway has with it. */
  readonly rowsInFlight: number;
  /** Rows that waited there when it last said so; 0 where that is too long ago. */
  readonly rowsReported: number;
  /** What an answer takes at the moment; 0 where it has not answered yet. */
  readonly latencyMs: number;
  /** Share of the usual traffic that it should get, above 0 to 1. */
  readonly weight: number;
}

/** Nothing measured yet: less than any real answer, so that a new replica is tried, and more than nothing. */
const latencyMsMin = 0.05;

/** How long a request would be there, in arbitrary units: less is better. */
export function costOf({ rowsInFlight, rowsReported, latencyMs, weight }: Standing): number {
  return ((rowsInFlight + rowsReported + 1) * Math.max(latencyMs, latencyMsMin)) / weight;
}

/**
 * The better of two that are drawn at random. Looking at all would send everybody to the same one between two
 * reports; drawing one would load a slow one past what it can do (Mitzenmacher, "The power of two choices", 2001).
 * `random` gives numbers in [0, 1).
 */
export function pickOfTwo<T>(
  candidates: readonly T[],
  cost: (candidate: T) => number,
  random: () => number,
): T | undefined {
  const count = candidates.length;
  if (count <= 1) return candidates[0];
  const first = Math.floor(random() * count);
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
  const [a, b] = [candidates[first] as T, candidates[second] as T];
  return cost(b) < cost(a) ? b : a;
}

/** A new replica's caches are cold: its share grows evenly from a tenth to the whole over `warmMs`. */
export function slowStartWeight(ageMs: number, warmMs: number): number {
  return Math.min(1, Math.max(0.1, ageMs / warmMs));
}
