import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '@perennial/artifacts';
import type { Digest } from '@perennial/kernel';
import { type Tables, writeRows } from '@perennial/tables';
import type { ArrivingRow, Cell } from '../decide/arriving-row.js';
import type { Column } from '../decide/group-rows.js';
import { newestOf } from '../decide/late.js';

export interface Means {
  readonly artifacts: ArtifactStore;
  readonly tables: Tables;
  /** Files on their way. */
  readonly workDir: string;
}

/** A segment's file as an artifact. */
export interface WrittenFile {
  readonly digest: Digest;
  readonly bytes: number;
  readonly rows: number;
  /** Ms since the epoch. */
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  /** What they move the watermark to; undefined where all are ahead of the clock. */
  readonly newest: number | undefined;
}

/** Writes rows of one producer as a segment file. The same rows, arrived at the same time, give the same digest. */
export async function writeSegment(
  means: Means,
  { columns, rows, producer }: { columns: readonly Column[]; rows: readonly ArrivingRow[]; producer: string },
): Promise<WrittenFile> {
  const all = [
    { name: '_p_row_id', type: 'VARCHAR' as const },
    { name: '_p_event_time', type: 'TIMESTAMP' as const },
    { name: '_p_arrived_at', type: 'TIMESTAMP' as const },
    { name: '_p_producer', type: 'VARCHAR' as const },
    ...columns,
  ];
  const cells = rows.map((row): Cell[] => [
    row.rowId,
    row.eventTime,
    row.arrivedAt,
    producer,
    ...columns.map(({ name }) => row.values[name] ?? null),
  ]);
  const stored = await storeFile(means, (path) => writeRows(means.tables, path, all, cells));
  let [eventTimeMin, eventTimeMax] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { eventTime } of rows) {
    eventTimeMin = Math.min(eventTimeMin, eventTime);
    eventTimeMax = Math.max(eventTimeMax, eventTime);
  }
  return { ...stored, rows: rows.length, eventTimeMin, eventTimeMax, newest: newestOf(rows) };
}

/** Stores what `write` writes to the path it is given. */
export async function storeFile(
  { artifacts, workDir }: Means,
  write: (path: string) => Promise<void>,
): Promise<{ digest: Digest; bytes: number }> {
  const path = join(workDir, `${randomUUID()}.parquet`);
  try {
    await write(path);
    return await artifacts.put(await readFile(path));
  } finally {
    await rm(path, { force: true });
  }
}
