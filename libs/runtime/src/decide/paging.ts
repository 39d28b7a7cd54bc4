/** What paging must know of a model that is in memory. */
export interface Resident {
  readonly bytes: number;
  /** How long it took to load: what it costs to have it back. */
  readonly loadMs: number;
  /** Requests since it was loaded. */
  readonly uses: number;
  /** The clock of evictions when it was last used. */
  readonly clock: number;
  readonly usedAt: number;
}

const MiB = 1024 * 1024;

/**
 * What a model is worth keeping: how often it is used times what it costs to load again, for each MiB, on top of the
 * clock, which ages what is no longer used (GreedyDual-Size-Frequency; Cherkasova 1998). Load times are rounded to a
 * power of two: they are noisy, and equal models are to go by age.
 */
export function worthOf({ bytes, loadMs, uses, clock }: Resident): number {
  const cost = 2 ** Math.round(Math.log2(Math.max(1, loadMs)));
  return clock + (Math.max(1, uses) * cost) / Math.max(1, bytes / MiB);
}

/**
 * Which models go so that `bytes` more are free: the least worth first, and none of them that is not needed for it.
 * Undefined where all of them together are not enough. The clock moves on to the value of the dearest of them.
 */
export function victimsFor<T extends Resident>(
  residents: readonly T[],
  bytes: number,
): { victims: T[]; clock: number } | undefined {
  const cheapest = residents
    .map((resident) => ({ resident, value: worthOf(resident) }))
    .sort((a, b) => a.value - b.value || a.resident.usedAt - b.resident.usedAt);
  const taken: typeof cheapest = [];
  let freed = 0;
  for (const each of cheapest) {
    if (freed >= bytes) break;
    taken.push(each);
    freed += each.resident.bytes;
  }
  if (freed < bytes) return undefined;
  // A large one at the end may have made earlier ones needless: the dearest of those stay.
  const victims = taken.filter(() => true);
  for (const each of [...taken].reverse()) {
    if (freed - each.resident.bytes < bytes) continue;
    freed -= each.resident.bytes;
    victims.splice(victims.indexOf(each), 1);
  }
  return {
    victims: victims.map(({ resident }) => resident),
    clock: Math.max(0, ...victims.map(({ value }) => value)),
  };
}
