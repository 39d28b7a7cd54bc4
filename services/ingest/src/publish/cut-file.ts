import { invalid } from '@perennial/kernel';
import type { RpcContext } from '../rpc/context.js';
import { takenRowIds } from '../store.js';
import { cutParquet } from './cut-parquet.js';
import { type CutFile, cutRows, type Lateness } from './cut-rows.js';
import type { Publication } from './publication.js';
import {
  type FileItems,
  type FileReading,
  readCloudEvents,
  readCsv,
  readEventData,
  readJson,
  readJsonLines,
} from './read-rows.js';
import { fileRowId, fileRowPrefix } from './row-ids.js';
import type { SpooledFile } from './spool.js';
import type { Body } from './take.js';

/** A body as segment files, which belong to nobody yet. */
export async function cutFile(context: RpcContext, body: Body, lateness: Lateness): Promise<CutFile> {
  const { publication, file, arrivedAt } = body;
  const { kind, producer, format, naming, reading: source } = publication;
  const { timeColumn, zone } = source;
  if (format === 'parquet') {
    const idPrefix = fileRowPrefix(file.sha256);
    const { path } = file;
    return cutParquet(context.means, path, { timeColumn, zone, idPrefix, producer, arrivedAt, lateness });
  }
  const { db, tenant } = context;
  const isTaken = (rowIds: readonly string[]) =>
    takenRowIds(db, { tenant, source: source.source, kind, rowIds });
  const items = await itemsOf(publication, file, arrivedAt);
  return cutRows(context.means, items, {
    producer,
    lateness,
    isTaken: naming.by === 'file' ? undefined : isTaken,
  });
}

async function itemsOf(
  { format, naming, reading: { timeColumn, zone } }: Publication,
  { path, bytes, sha256 }: SpooledFile,
  arrivedAt: number,
): Promise<FileItems> {
  const reading: FileReading = {
    timeColumn,
    zone,
    arrivedAt,
    fallbackTime: naming.by === 'event' ? naming.time : undefined,
    idOf: (ordinal, count, row) => {
      if (naming.by === 'field') return givenId(row, naming.field);
      if (naming.by === 'event') return count > 1 ? `${naming.rowId}/${ordinal}` : naming.rowId;
      return fileRowId(sha256, ordinal);
    },
  };
  if (naming.by === 'events')
    return readCloudEvents(path, bytes, { reading, isBatch: format === 'cloudevents' });
  if (naming.by === 'event') return readEventData(path, bytes, reading);
  if (format === 'json') return readJson(path, bytes, reading);
  if (format === 'csv') return readCsv(path, reading);
  // Few send Arrow; its reader is loaded for the first one.
  if (format === 'arrow') return (await import('./read-arrow.js')).readArrow(path, reading);
  return readJsonLines(path, reading);
}

function givenId(row: unknown, field: string): string {
  const id = row !== null && typeof row === 'object' ? (row as Record<string, unknown>)[field] : undefined;
  if (typeof id === 'string' || typeof id === 'number') return String(id);
  throw invalid('ROW_ID_INVALID', `${field} must hold the row's id, a text or a number`, { field });
}
