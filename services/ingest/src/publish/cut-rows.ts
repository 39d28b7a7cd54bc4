import { limits, type PlatformError } from '@perennial/kernel';
import type { ArrivingRow, RefusedRow } from '../decide/arriving-row.js';
import { groupRows } from '../decide/group-rows.js';
import { holdLate, lateRow } from '../decide/late.js';
import { type Means, type WrittenFile, writeSegment } from '../effects/write-segment.js';
import type { FileItem, FileItems } from './read-rows.js';

/** One segment of a file. */
export interface CutSegmentFile extends WrittenFile {
  /** Of rows that have ids of their own; undefined: the file's digest stands for them. */
  readonly rowIds: readonly string[] | undefined;
  /** Why it is to be held back whatever it holds; empty: it is judged. */
  readonly hold: string;
}

/** A file as segment files. */
export interface CutFile {
  readonly segments: readonly CutSegmentFile[];
  readonly duplicates: number;
  readonly refused: number;
  readonly firstRefusal: RefusedRow | undefined;
  /** Rows behind the watermark, taken or refused. */
  readonly late: number;
}

/** From when on rows of a body are late: what came before it says so, since all of its rows come at the same moment. */
export interface Lateness {
  /** Ms since the epoch; -Infinity: none is late. */
  readonly watermark: number;
  readonly policy: 'take' | 'quarantine' | 'refuse';
}

export interface CutRowsOptions {
  readonly producer: string;
  readonly lateness: Lateness;
  /** Of these ids, those of rows that were taken before; undefined where rows have no ids of their own. */
  readonly isTaken: ((rowIds: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
}

/** Text in one segment, so that wide rows fit the memory: some tens of MiB become a few of Parquet. */
const segmentBytesMax = 32 * 1024 * 1024;

interface Waiting {
  readonly position: number;
  readonly where: string;
  readonly row: ArrivingRow;
}

/**
 * Cuts rows into segments by shape, at most `limits.segmentRowsMax` rows each. With `isTaken` the rows are told apart
 * by their own ids: those it names, and those that come twice, are duplicates.
 */
export async function cutRows(means: Means, items: FileItems, options: CutRowsOptions): Promise<CutFile> {
  const cutter = new Cutter(means, options);
  for await (const some of items) {
    for (const item of some) {
      cutter.add(item);
      if (cutter.isFull) await cutter.write();
    }
  }
  await cutter.write();
  return cutter.cut;
}

class Cutter {
  readonly cut = {
    segments: [] as CutSegmentFile[],
    duplicates: 0,
    refused: 0,
    late: 0,
    firstRefusal: undefined as RefusedRow | undefined,
  };
  readonly #means: Means;
  readonly #o: CutRowsOptions;
  readonly #seen = new Set<string>();
  #firstRefused = Number.POSITIVE_INFINITY;
  #position = 0;
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(means: Means, options: CutRowsOptions) {
    this.#means = means;
    this.#o = options;
  }

  get isFull(): boolean {
    return this.#waiting.length >= limits.segmentRowsMax || this.#bytes >= segmentBytesMax;
  }

  add(item: FileItem): void {
    const position = this.#position++;
    const { where } = item;
    if ('error' in item) {
      this.#refuse(position, where, item.error);
    } else if (this.#o.isTaken && this.#seen.size === this.#seen.add(item.row.rowId).size) {
      this.cut.duplicates++;
    } else {
      this.#waiting.push({ position, where, row: item.row });
      this.#bytes += item.bytes;
    }
  }

  async write(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#bytes = 0;
    const taken = await this.#o.isTaken?.(waiting.map(({ row }) => row.rowId));
    const fresh = taken ? waiting.filter(({ row }) => !taken.has(row.rowId)) : waiting;
    this.cut.duplicates += waiting.length - fresh.length;
    const { onTime, held } = this.#judge(fresh);
    await this.#writeRows(onTime, '');
    await this.#writeRows(held, holdLate);
  }

  #judge(fresh: readonly Waiting[]): { onTime: ArrivingRow[]; held: ArrivingRow[] } {
    const { watermark, policy } = this.#o.lateness;
    const judged = { onTime: [] as ArrivingRow[], held: [] as ArrivingRow[] };
    for (const { position, where, row } of fresh) {
      const isLate = row.eventTime < watermark;
      if (isLate) this.cut.late++;
      if (isLate && policy === 'refuse') this.#refuse(position, where, lateRow(row.eventTime, watermark));
      else (isLate && policy === 'quarantine' ? judged.held : judged.onTime).push(row);
    }
    return judged;
  }

  async #writeRows(rows: readonly ArrivingRow[], hold: string): Promise<void> {
    const { producer, isTaken } = this.#o;
    for (const group of groupRows(rows)) {
      const rowIds = isTaken && group.rows.map((row) => row.rowId);
      const file = await writeSegment(this.#means, { ...group, producer });
      this.cut.segments.push({ ...file, rowIds, hold });
    }
  }

  #refuse(position: number, where: string, error: PlatformError): void {
    this.cut.refused++;
    if (position > this.#firstRefused) return;
    this.#firstRefused = position;
    this.cut.firstRefusal = { where, error };
  }
}
