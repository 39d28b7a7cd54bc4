import { create } from '@bufbuild/protobuf';
import {
  type PublishRowsHeader,
  type PublishRowsRequest,
  type PublishRowsResponse,
  PublishRowsResponseSchema,
  SegmentKind,
} from '@perennial/contracts';
import { invalid, PlatformError, uuidv5 } from '@perennial/kernel';
import { type SpooledFile, spooled } from '../effects/spool.js';
import { cutParquet } from '../files/cut-parquet.js';
import { type CutFile, cutRows } from '../files/cut-rows.js';
import { readCsv, readJson, readJsonLines } from '../files/read-rows.js';
import { fileRowId, fileRowPrefix } from '../files/row-ids.js';
import { recordSegment } from '../record.js';
import {
  findFile,
  type Kind,
  type SourceReading,
  saveFile,
  type TakenFile,
  takenRowIds,
  takeRowIds,
} from '../store.js';
import type { RpcContext } from './context.js';
import { checkName, knownSource } from './known-source.js';

const formats = ['json', 'jsonl', 'csv', 'parquet'] as const;
type Format = (typeof formats)[number];

/** One file or batch that is being taken. */
interface Publication {
  readonly kind: Kind;
  readonly producer: string;
  readonly format: Format;
  /** Member that holds each row's id; empty: the content's digest and the row's ordinal. */
  readonly rowIdField: string;
  readonly reading: SourceReading;
}

/**
 * Takes a file or a batch: the answer comes when every row is durable. The same content again changes nothing. Rows
 * that cannot be read are refused alone; where none can be taken, the call fails with the first reason.
 */
export async function publishRows(
  context: RpcContext,
  requests: AsyncIterable<PublishRowsRequest>,
): Promise<PublishRowsResponse> {
  const parts = requests[Symbol.asyncIterator]();
  const first = await parts.next();
  const header = first.done ? undefined : first.value.part;
  if (header?.case !== 'header') {
    throw invalid('PUBLISH_HEADER', 'the first message must be the header that says what comes', {
      field: 'header',
    });
  }
  const publication = await publicationOf(context, header.value);
  const { means, fileBytesMax } = context;
  return spooled(chunksOf(parts), { dir: means.workDir, bytesMax: fileBytesMax }, (file) =>
    take(context, publication, file),
  );
}

async function publicationOf(context: RpcContext, header: PublishRowsHeader): Promise<Publication> {
  checkName('source', header.source);
  checkName('producer', header.producer);
  const format = formats.find((one) => one === header.format);
  if (!format) {
    throw invalid('FORMAT_UNKNOWN', `format: "${header.format}" must be one of ${formats.join(', ')}`, {
      field: 'format',
    });
  }
  if (header.rowIdField && (format === 'csv' || format === 'parquet')) {
    throw invalid(
      'ROW_ID_FIELD',
      `row_id_field goes with json and jsonl; rows of ${format} are told apart by their place`,
      {
        field: 'row_id_field',
      },
    );
  }
  const { rowIdField, producer } = header;
  const reading = await knownSource(context.db, context.tenant, header.source);
  return { kind: kindOf(header.kind), producer, format, rowIdField, reading };
}

function kindOf(kind: SegmentKind): Kind {
  if (kind === SegmentKind.ROWS) return 'rows';
  if (kind === SegmentKind.LABELS) return 'labels';
  throw invalid('SEGMENT_KIND', 'kind must be SEGMENT_KIND_ROWS or SEGMENT_KIND_LABELS', { field: 'kind' });
}

async function* chunksOf(parts: AsyncIterator<PublishRowsRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await parts.next(); !next.done; next = await parts.next()) {
    const { part } = next.value;
    if (part.case !== 'chunk') {
      throw invalid('PUBLISH_HEADER', 'after the header only chunks may follow', { field: 'header' });
    }
    yield part.value;
  }
}

async function take(
  context: RpcContext,
  publication: Publication,
  file: SpooledFile,
): Promise<PublishRowsResponse> {
  const digest = `sha256:${file.sha256}`;
  const { kind, rowIdField } = publication;
  const { source } = publication.reading;
  if (!rowIdField) {
    const known = await findFile(context.db, { tenant: context.tenant, source, kind, digest });
    if (known) return alreadyTaken(known);
  }
  const cut = await cutFile(context, publication, file);
  if (cut.segments.length === 0 && cut.duplicates === 0) throw nothingTaken(cut);
  return save(context, { publication, digest, cut });
}

async function cutFile(context: RpcContext, publication: Publication, file: SpooledFile): Promise<CutFile> {
  const { kind, format, rowIdField, reading: source } = publication;
  const { timeColumn } = source;
  const { sha256, path } = file;
  if (format === 'parquet')
    return cutParquet(context.means, path, { timeColumn, idPrefix: fileRowPrefix(sha256) });
  const idOf = rowIdField
    ? (_ordinal: number, _count: number, row: unknown) => givenId(row, rowIdField)
    : (ordinal: number) => fileRowId(sha256, ordinal);
  const reading = { timeColumn, idOf };
  const { db, tenant } = context;
  const isTaken = (rowIds: readonly string[]) =>
    takenRowIds(db, { tenant, source: source.source, kind, rowIds });
  return cutRows(context.means, itemsOf(format, file, reading), rowIdField ? isTaken : undefined);
}

function itemsOf(
  format: Exclude<Format, 'parquet'>,
  file: SpooledFile,
  reading: Parameters<typeof readCsv>[1],
) {
  if (format === 'json') return readJson(file.path, file.bytes, reading);
  return format === 'jsonl' ? readJsonLines(file.path, reading) : readCsv(file.path, reading);
}

function givenId(row: unknown, field: string): string {
  const id = row !== null && typeof row === 'object' ? (row as Record<string, unknown>)[field] : undefined;
  if (typeof id === 'string' || typeof id === 'number') return String(id);
  throw invalid('ROW_ID_INVALID', `${field} must hold the row's id, a text or a number`, { field });
}

async function save(
  { tenant, clock, transact }: RpcContext,
  { publication, digest, cut }: { publication: Publication; digest: string; cut: CutFile },
): Promise<PublishRowsResponse> {
  const { kind, producer, rowIdField } = publication;
  const { source } = publication.reading;
  const now = clock.now();
  const taken = cut.segments.reduce((sum, { rows }) => sum + rows, 0);
  const firstRefusal = cut.firstRefusal ? `${cut.firstRefusal.where}: ${cut.firstRefusal.error.message}` : '';
  const file: TakenFile = { digest, rows: taken, refused: cut.refused, firstRefusal };
  return transact(async (tx, emit) => {
    if (!rowIdField && !(await saveFile(tx, { tenant, source, kind, file, now }))) return alreadyTaken(file);
    for (const [i, { rowIds, ...written }] of cut.segments.entries()) {
      const names = rowIds ?? [digest, String(i)];
      const segmentId = uuidv5('segment', source, kind, ...names);
      const segment = { ...written, segmentId, source, kind, producer, sequenceFirst: 0, sequenceLast: 0 };
      if (rowIds && !(await takeRowIds(tx, { tenant, segment, rowIds }))) throw takenMeanwhile();
      await recordSegment(tx, emit, { tenant, segment, now });
    }
    return create(PublishRowsResponseSchema, {
      taken,
      duplicates: cut.duplicates,
      refused: cut.refused,
      firstRefusal,
      digest,
    });
  });
}

function alreadyTaken({ digest, rows, refused, firstRefusal }: TakenFile): PublishRowsResponse {
  return create(PublishRowsResponseSchema, { taken: 0, duplicates: rows, refused, firstRefusal, digest });
}

function takenMeanwhile(): PlatformError {
  return new PlatformError(
    'ROWS_CONFLICT',
    'us',
    'now',
    'some of these rows came on another way at the same moment; send them again',
  );
}

function nothingTaken({ refused, firstRefusal }: CutFile): PlatformError {
  if (!firstRefusal) return invalid('ROWS_EMPTY', 'there are no rows in what was sent');
  const { where, error } = firstRefusal;
  const more = refused > 1 ? ` (and ${refused - 1} more)` : '';
  const field = error.field === undefined ? {} : { field: error.field };
  return invalid(error.code, `${where}: ${error.message}${more}; nothing was taken`, field);
}
