import { limits } from '@perennial/kernel';
import type { ArrivingRow, RefusedRow } from '../decide/arriving-row.js';
import { groupRows } from '../decide/group-rows.js';
import { type Means, type WrittenFile, writeSegment } from '../effects/write-segment.js';
import type { FileItem } from './read-rows.js';

/** A file as segment files. */
export interface CutFile {
  readonly segments: readonly (WrittenFile & { rowIds: readonly string[] | undefined })[];
  readonly duplicates: number;
  readonly refused: number;
  readonly firstRefusal: RefusedRow | undefined;
}

/** Text in one segment, so that wide rows fit the memory: some tens of MiB become a few of Parquet. */
const segmentBytesMax = 32 * 1024 * 1024;

/**
 * Cuts rows into segments by shape, at most `limits.segmentRowsMax` rows each. With `isTaken` the rows are told apart
 * by their own ids: those it names, and those that come twice, are duplicates.
 */
export async function cutRows(
  means: Means,
  items: AsyncIterable<FileItem>,
  isTaken: ((rowIds: readonly string[]) => Promise<ReadonlySet<string>>) | undefined,
): Promise<CutFile> {
  const cut = { segments: [] as CutFile['segments'][number][], duplicates: 0, refused: 0 };
  let firstRefusal: RefusedRow | undefined;
  let waiting: ArrivingRow[] = [];
  let waitingBytes = 0;
  const seen = new Set<string>();
  const write = async () => {
    const rows = waiting;
    waiting = [];
    waitingBytes = 0;
    const taken = await isTaken?.(rows.map((row) => row.rowId));
    const fresh = taken ? rows.filter((row) => !taken.has(row.rowId)) : rows;
    cut.duplicates += rows.length - fresh.length;
    for (const group of groupRows(fresh)) {
      const rowIds = isTaken && group.rows.map((row) => row.rowId);
      cut.segments.push({ ...(await writeSegment(means, group.columns, group.rows)), rowIds });
    }
  };
  for await (const item of items) {
    if ('refused' in item) {
      firstRefusal ??= item.refused;
      cut.refused++;
    } else if (isTaken && seen.size === seen.add(item.row.rowId).size) {
      cut.duplicates++;
    } else {
      waiting.push(item.row);
      waitingBytes += item.bytes;
      if (waiting.length >= limits.segmentRowsMax || waitingBytes >= segmentBytesMax) await write();
    }
  }
  if (waiting.length) await write();
  return { ...cut, firstRefusal };
}
