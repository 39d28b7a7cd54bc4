import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '@perennial/artifacts';
import { type Digest, invalid } from '@perennial/kernel';
import { quoteText, type Tables } from '@perennial/tables';
import { partsOf } from './parts.js';
import { rowsOfParts } from './read-parts.js';
import type { DatasetStore, Version } from './store.js';

const options = {
  parquet: 'format parquet, compression zstd',
  csv: 'format csv, header',
} as const;
export type ExportFormat = keyof typeof options;

/** Bytes in one message of the answer. */
const chunkBytes = 1 << 18;

/** @throws PlatformError FORMAT_UNKNOWN */
export function exportFormat(format: string): ExportFormat {
  if (format === '' || format === 'parquet') return 'parquet';
  if (format === 'csv') return format;
  throw invalid('FORMAT_UNKNOWN', `format: "${format}" must be parquet or csv`, { field: 'format' });
}

export interface ExportMeans {
  readonly artifacts: ArtifactStore;
  readonly tables: Tables;
  readonly workDir: string;
}

/** The rows of a version in recorded order, as one file in pieces. The same version gives the same bytes. */
export async function* exportRows(
  { artifacts, tables, workDir }: ExportMeans,
  store: DatasetStore,
  { version, format }: { version: Version; format: ExportFormat },
): AsyncGenerator<Uint8Array> {
  const segments = await store.segments(version, version.version);
  const files = await store.files(segments.map(({ digest }) => digest));
  const parts = partsOf(segments, files);
  if (parts.length === 0) {
    throw invalid('DATASET_EMPTY', `v${version.version} has no rows left: all of them were erased`);
  }
  const paths = new Map<string, string>();
  for (const { digest } of parts) {
    if (!paths.has(digest)) paths.set(digest, await artifacts.localFile(digest as Digest));
  }
  const target = join(workDir, randomUUID());
  try {
    await tables.run(`copy (${rowsOfParts(parts, paths)}) to ${quoteText(target)} (${options[format]})`);
    for await (const chunk of createReadStream(target, { highWaterMark: chunkBytes })) yield chunk as Buffer;
  } finally {
    await rm(target, { force: true });
  }
}
