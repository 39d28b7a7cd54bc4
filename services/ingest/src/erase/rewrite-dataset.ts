import type { DatasetFile, DatasetName, Segment } from '../datasets/store.js';
import { type DatasetMeans, makeVersion } from '../datasets/versions.js';

/** Where the rows of a segment lie once some rows of its file are gone. */
export interface Moved {
  readonly firstRow: number;
  readonly erased: number;
}

/** `gone`: ordinals of the rows that go, ascending. */
export function movedBy(
  { firstRow, rows }: Pick<Segment, 'firstRow' | 'rows'>,
  gone: readonly number[],
): Moved {
  const before = countBelow(gone, firstRow);
  return { firstRow: firstRow - before, erased: countBelow(gone, firstRow + rows) - before };
}

/** How many of ascending numbers are below a bound. */
function countBelow(numbers: readonly number[], bound: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A file of which some rows are gone, and what is left of it. */
export interface Rewritten {
  readonly digest: string;
  readonly by: DatasetFile;
  /** Ordinals of the rows that are gone, ascending. */
  readonly gone: readonly number[];
}

/** Says of every segment in the files where its rows lie from now on; one further version has them. */
export async function rewriteDataset(
  means: DatasetMeans,
  name: DatasetName,
  files: readonly Rewritten[],
): Promise<void> {
  const byDigest = new Map(files.map((file) => [file.digest, file]));
  await makeVersion(means, name, 'erased', async (store) => {
    let moved = 0;
    for (const segment of await store.segments(name)) {
      const file = byDigest.get(segment.digest);
      if (!file) continue;
      await store.addFile(file.by);
      await store.moveSegment(name, segment.place, {
        digest: file.by.digest,
        ...movedBy(segment, file.gone),
      });
      moved++;
    }
    return moved > 0;
  });
}
