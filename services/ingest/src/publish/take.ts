import { create } from '@bufbuild/protobuf';
import { type PublishRowsResponse, PublishRowsResponseSchema } from '@perennial/contracts';
import { invalid, PlatformError, uuidv5 } from '@perennial/kernel';
import { watermarkOf } from '../decide/late.js';
import { countDelivery, type Delivery } from '../producers/store.js';
import { recordSegment } from '../record.js';
import type { RpcContext } from '../rpc/context.js';
import { newestEvent } from '../sources/store.js';
import { findFile, type Store, saveFile, type TakenFile, takeRowIds } from '../store.js';
import { cutFile } from './cut-file.js';
import type { CutFile, Lateness } from './cut-rows.js';
import type { Publication } from './publication.js';
import type { SpooledFile } from './spool.js';

/** How often the same rows may come on another way at the same moment before the sender is told. */
const attemptsMax = 3;

/** A body that lies in a file. */
export interface Body {
  readonly publication: Publication;
  readonly file: SpooledFile;
  /** When it was there whole, in ms since the epoch. */
  readonly arrivedAt: number;
}

/**
 * Takes the rows of a body, durably. What was taken before is counted and changes nothing.
 *
 * @throws PlatformError with the first refusal where nothing could be taken; ROWS_EMPTY, ROWS_CONFLICT
 */
export async function take(context: RpcContext, body: Body): Promise<PublishRowsResponse> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await takeOnce(context, body);
    } catch (error) {
      const isConflict = error instanceof PlatformError && error.code === 'ROWS_CONFLICT';
      if (!isConflict || attempt >= attemptsMax) throw error;
    }
  }
}

async function takeOnce(context: RpcContext, body: Body): Promise<PublishRowsResponse> {
  const { publication, file } = body;
  const { kind, naming } = publication;
  const { source } = publication.reading;
  const digest = `sha256:${file.sha256}`;
  if (naming.by === 'file') {
    const known = await findFile(context.db, { tenant: context.tenant, source, kind, digest });
    if (known) return context.transact((tx) => alreadyTaken(tx, context, body, known));
  }
  const cut = await cutFile(context, body, await latenessOf(context, publication));
  if (cut.segments.length === 0 && cut.duplicates === 0) {
    await context.transact((tx) => count(tx, context, body, { ...cut, rows: 0 }));
    throw nothingTaken(cut);
  }
  return save(context, { body, digest, cut });
}

async function latenessOf({ db, tenant }: RpcContext, { kind, reading }: Publication): Promise<Lateness> {
  const { source, late } = reading;
  const { policy } = late;
  if (kind !== 'rows' || late.watermarkMs === undefined)
    return { watermark: Number.NEGATIVE_INFINITY, policy };
  return { watermark: watermarkOf(late, await newestEvent(db, tenant, source)), policy };
}

async function save(
  context: RpcContext,
  { body, digest, cut }: { body: Body; digest: string; cut: CutFile },
): Promise<PublishRowsResponse> {
  const { tenant, clock } = context;
  const { kind, producer, naming, reading } = body.publication;
  const { source } = reading;
  const { duplicates, refused, late } = cut;
  const now = clock.now();
  const rows = cut.segments.reduce((sum, segment) => sum + segment.rows, 0);
  const firstRefusal = cut.firstRefusal ? `${cut.firstRefusal.where}: ${cut.firstRefusal.error.message}` : '';
  const file: TakenFile = { digest, rows, refused, firstRefusal, late };
  return context.transact(async (tx, emit) => {
    if (naming.by === 'file' && !(await saveFile(tx, { tenant, source, kind, file, now })))
      return alreadyTaken(tx, context, body, file);
    for (const [i, { rowIds, ...written }] of cut.segments.entries()) {
      const names = rowIds ?? [digest, String(i)];
      const segmentId = uuidv5('segment', source, kind, ...names);
      const segment = { ...written, segmentId, source, kind, producer, sequenceFirst: 0, sequenceLast: 0 };
      if (rowIds && !(await takeRowIds(tx, { tenant, segment, rowIds }))) throw takenMeanwhile();
      await recordSegment(tx, emit, { tenant, segment, now });
    }
    await count(tx, context, body, { ...cut, rows });
    return create(PublishRowsResponseSchema, {
      taken: rows,
      duplicates,
      refused,
      firstRefusal,
      digest,
      late,
    });
  });
}

async function alreadyTaken(
  tx: Store,
  context: RpcContext,
  body: Body,
  { digest, rows: duplicates, refused, firstRefusal }: TakenFile,
): Promise<PublishRowsResponse> {
  await count(tx, context, body, { segments: [], rows: 0, duplicates, refused: 0, late: 0 });
  return create(PublishRowsResponseSchema, { taken: 0, duplicates, refused, firstRefusal, digest });
}

function count(
  tx: Store,
  { tenant, clock }: RpcContext,
  { publication, file }: Body,
  counts: Pick<CutFile, 'segments' | 'duplicates' | 'refused' | 'late'> & { rows: number },
): Promise<void> {
  const { kind, producer, way, reading } = publication;
  const { segments, rows, duplicates, refused, late } = counts;
  const newest = segments.reduce(
    (max, segment) => Math.max(max, segment.eventTimeMax),
    Number.NEGATIVE_INFINITY,
  );
  const delivery: Delivery = {
    source: reading.source,
    kind,
    producer,
    way,
    messages: 1,
    rows,
    duplicates,
    refused,
    late,
    bytes: file.bytes,
    eventTimeMax: segments.length ? newest : undefined,
  };
  return countDelivery(tx, { tenant, delivery, now: clock.now() });
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
