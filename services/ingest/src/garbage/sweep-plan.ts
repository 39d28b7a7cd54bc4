import type { ListedArtifact } from '@perennial/artifacts';

export interface Counted {
  readonly artifacts: number;
  readonly bytes: number;
}

export interface SweepPlan {
  readonly all: Counted;
  readonly needed: Counted;
  /** Not needed, and too young to tell: what they belong to may be on its way. */
  readonly young: Counted;
  /** Not needed and old, the largest first. */
  readonly garbage: readonly ListedArtifact[];
}

/** What may go: neither needed nor put since `notSince` (ms since the epoch). */
export function sweepPlan(
  listed: readonly ListedArtifact[],
  needed: ReadonlySet<string>,
  notSince: number,
): SweepPlan {
  const [all, kept, young] = [count(), count(), count()];
  const garbage: ListedArtifact[] = [];
  for (const artifact of listed) {
    add(all, artifact);
    if (needed.has(artifact.digest)) add(kept, artifact);
    else if (artifact.modifiedAt >= notSince) add(young, artifact);
    else garbage.push(artifact);
  }
  garbage.sort((a, b) => b.bytes - a.bytes || (a.digest < b.digest ? -1 : 1));
  return { all, needed: kept, young, garbage };
}

function count(): { artifacts: number; bytes: number } {
  return { artifacts: 0, bytes: 0 };
}

function add(sum: { artifacts: number; bytes: number }, { bytes }: ListedArtifact): void {
  sum.artifacts++;
  sum.bytes += bytes;
}
