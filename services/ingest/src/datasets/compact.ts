import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { events } from '@perennial/contracts';
import { type Digest, limits } from '@perennial/kernel';
import { quoteText } from '@perennial/tables';
import { segmentKind } from '../record.js';
import { compactionPlan, type Run } from './compaction-plan.js';
import type { ExportMeans } from './export.js';
import { rowsOfParts } from './read-parts.js';
import { describeFile } from './segment-verified.js';
import { type DatasetFile, type DatasetName, DatasetStore } from './store.js';
import { type DatasetMeans, makeVersion } from './versions.js';

export type CompactionMeans = DatasetMeans & ExportMeans;

export interface Compacted {
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly rows: number;
}

interface Made extends Run {
  readonly file: DatasetFile;
}

/**
 * Makes one file of many small neighbours, of the same rows in the same order; a further version has them. Files that
 * were replaced stay until garbage is collected, for those that read them now.
 */
export async function compact(
  means: CompactionMeans,
  name: DatasetName,
  filesMin: number,
): Promise<Compacted> {
  const store = new DatasetStore(means.db, means.tenant);
  const segments = await store.segments(name);
  const files = await store.files(segments.map(({ digest }) => digest));
  const runs = compactionPlan(segments, files, { filesMin, rowsMax: limits.segmentRowsMax });
  const made: Made[] = [];
  for (const run of runs) made.push({ ...run, file: await writeRun(means, run) });
  const done = made.length > 0 && (await makeVersion(means, name, 'compacted', moveInto(name, made)));
  if (!done) return { filesBefore: 0, filesAfter: 0, rows: 0 };
  return {
    filesBefore: made.reduce((sum, { digests }) => sum + digests.length, 0),
    filesAfter: made.length,
    rows: made.reduce((sum, { rows }) => sum + rows, 0),
  };
}

async function writeRun({ artifacts, tables, workDir }: CompactionMeans, run: Run): Promise<DatasetFile> {
  const paths = new Map<string, string>();
  for (const digest of run.digests) paths.set(digest, await artifacts.localFile(digest as Digest));
  const parts = run.digests.map((digest) => ({ digest, firstRow: 0, rows: 0, isWhole: true }));
  const target = join(workDir, `${randomUUID()}.parquet`);
  try {
    await tables.run(
      `copy (${rowsOfParts(parts, paths)}) to ${quoteText(target)} (format parquet, compression zstd)`,
    );
    const { digest } = await artifacts.putFile(target);
    return await describeFile({ artifacts, tables }, digest, run.rows);
  } finally {
    await rm(target, { force: true });
  }
}

/** Moves the segments, unless one of them lies elsewhere by now. */
function moveInto(name: DatasetName, made: readonly Made[]): Parameters<typeof makeVersion>[3] {
  return async (store, emit) => {
    const now = new Map((await store.segments(name)).map((segment) => [segment.place, segment]));
    for (const { segments, digests, file, rows } of made) {
      const isSame = segments.every((segment) => {
        const found = now.get(segment.place);
        return (
          found?.digest === segment.digest &&
          found.firstRow === segment.firstRow &&
          found.rows === segment.rows
        );
      });
      if (!isSame) return false;
      await store.addFile(file);
      let firstRow = 0;
      for (const segment of segments) {
        await store.moveSegment(name, segment.place, { digest: file.digest, firstRow });
        firstRow += segment.rows;
      }
      const times = segments.flatMap(({ eventTimeMin, eventTimeMax }) => [eventTimeMin, eventTimeMax]);
      await emit(events.segmentsCompacted, name.source, {
        source: name.source,
        kind: segmentKind(name.kind),
        digest: file.digest,
        rows: BigInt(rows),
        bytes: BigInt(file.bytes),
        replaced: [...digests],
        eventTimeMin: timestampFromMs(times.reduce((a, b) => Math.min(a, b))),
        eventTimeMax: timestampFromMs(times.reduce((a, b) => Math.max(a, b))),
      });
    }
    return true;
  };
}
