import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { events, SegmentKind } from '@perennial/contracts';
import { uuidv7 } from '@perennial/kernel';
import { openTables, quoteText, type Tables, writeRows } from '@perennial/tables';
import { tempDir } from '@perennial/testkit';
import type { House } from '../house.js';

export interface VerifiedRow {
  readonly id: string;
  readonly passenger: number;
  readonly fare: number;
}

/** A file of verified rows in the store, as validate writes them. */
export async function rowsFile(house: House, rows: readonly VerifiedRow[]): Promise<string> {
  return withTables(async (tables) => {
    const file = path.join(tempDir('rows'), 'rows.parquet');
    const columns = [
      { name: '_p_row_id', type: 'VARCHAR' as const },
      { name: '_p_event_time', type: 'TIMESTAMP' as const },
      { name: 'passenger', type: 'DOUBLE' as const },
      { name: 'fare', type: 'DOUBLE' as const },
    ];
    await writeRows(
      tables,
      file,
      columns,
      rows.map(({ id, passenger, fare }, i) => [id, 1_000 * i, passenger, fare]),
    );
    return (await house.artifacts.put(await readFile(file))).digest;
  });
}

/** Tells that these rows were verified; gives the file's digest. `recordedEventId`: in place of one of now. */
export async function verify(
  house: House,
  source: string,
  rows: readonly VerifiedRow[],
  { recordedEventId = uuidv7(), repairId = '' } = {},
): Promise<string> {
  const digest = await rowsFile(house, rows);
  await house.tell(events.segmentVerified, randomUUID(), {
    segmentId: randomUUID(),
    source,
    kind: SegmentKind.ROWS,
    producer: 'desk',
    digest,
    rows: rows.length,
    eventTimeMin: timestampFromMs(0),
    eventTimeMax: timestampFromMs(1_000 * rows.length),
    schemaVersion: 1,
    repairId,
    recordedEventId,
  });
  return digest;
}

/** The rows of an export, in its order. */
export async function exported(
  house: House,
  dataset: { source: string; version?: number },
): Promise<{ version: number; rows: VerifiedRow[]; bytes: Buffer }> {
  const chunks: Uint8Array[] = [];
  let version = 0;
  for await (const { part } of house.datasets.exportDataset({
    dataset: { ...dataset, kind: SegmentKind.ROWS },
    format: 'parquet',
  })) {
    if (part.case === 'version') version = part.value.version;
    if (part.case === 'chunk') chunks.push(part.value);
  }
  const bytes = Buffer.concat(chunks);
  return { version, rows: await rowsIn(bytes), bytes };
}

export async function rowsIn(parquet: Buffer): Promise<VerifiedRow[]> {
  return withTables(async (tables) => {
    const file = path.join(tempDir('export'), 'export.parquet');
    await writeFile(file, parquet);
    const rows = await tables.rows(`select * from read_parquet(${quoteText(file)})`);
    return rows.map((row) => ({
      id: String(row['_p_row_id']),
      passenger: Number(row['passenger']),
      fare: Number(row['fare']),
    }));
  });
}

async function withTables<T>(work: (tables: Tables) => Promise<T>): Promise<T> {
  const tables = await openTables({});
  try {
    return await work(tables);
  } finally {
    await tables.close();
  }
}
