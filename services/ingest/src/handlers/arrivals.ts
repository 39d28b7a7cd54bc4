import { batchHandler, eventHeaders, type Log, type RawMessage } from '@perennial/bus';
import { arrivalFilters } from '@perennial/contracts';
import { asPlatformError, type Clock, limits, PlatformError } from '@perennial/kernel';
import { eventRowId } from '../decide/cloud-event.js';
import { type Counts, countsOf, deliveriesOf } from '../decide/deliveries.js';
import { judgeLate, type LateSource } from '../decide/late.js';
import { type RowsMessage, readMessage, type Sender, senderOf } from '../decide/read-message.js';
import { type Arrival, segmentsOfBatch } from '../decide/segments-of-batch.js';
import { type Means, writeSegment } from '../effects/write-segment.js';
import { countDelivery } from '../producers/store.js';
import { recordSegment } from '../record.js';
import { findSource, lockSource, newestEvent, type SourceReading } from '../sources/store.js';
import {
  type CutSegment,
  countWaiting,
  type Kind,
  type Store,
  saveWaiting,
  takenRowIds,
  takeRowIds,
  type WaitingMessage,
} from '../store.js';

export interface ArrivalMeans extends Means {
  readonly tenant: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly db: Store;
  readonly waitingMessagesMax: number;
}

/** Messages in one batch, and so in one transaction; at 256 KiB each they still fit the memory. */
const messagesMax = 256;

/** A message that waited goes back to the bus, and with the headers that it gets there it must fit once more. */
const waitingBytesMax = limits.messageBytesMax - 2_048;

interface Prepared {
  readonly segments: readonly { segment: CutSegment; rowIds: readonly string[] }[];
  readonly waiting: readonly { message: RawMessage; waiting: WaitingMessage }[];
  readonly bad: readonly { message: RawMessage; error: PlatformError }[];
  readonly received: readonly { message: RawMessage; counts: Counts }[];
}

/** Takes rows, or labels, from the bus: one segment for each source, producer and shape of a batch. */
export function arrivals(kind: Kind, means: ArrivalMeans) {
  return batchHandler<Prepared>({
    consumer: `ingest-${kind}`,
    stream: 'ROWS',
    filter: arrivalFilters[kind],
    messagesMax,
    prepare: (messages) => prepare(messages, means),
    handle: async ({ messages, prepared, tx, emitFor, park }) => {
      const db = tx as unknown as Store;
      const { tenant, clock } = means;
      const now = clock.now();
      for (const { segment, rowIds } of prepared.segments) {
        if (!(await takeRowIds(db, { tenant, segment, rowIds }))) throw takenMeanwhile();
        await recordSegment(db, emitFor(), { tenant, segment, now });
      }
      // Another replica may have handled the first of them meanwhile.
      const isMine = ({ message }: { message: RawMessage }) => messages.includes(message);
      for (const { message, error } of prepared.bad.filter(isMine)) await park(message, error);
      for (const delivery of deliveriesOf(prepared.received.filter(isMine).map(({ counts }) => counts)))
        await countDelivery(db, { tenant, delivery, now });
      await letWait(db, prepared.waiting.filter(isMine), { means, now, park });
    },
  });
}

/** A message whose rows were read. */
interface ReadMessage {
  readonly message: RawMessage;
  readonly arrivals: readonly Arrival[];
  readonly refused: number;
  readonly error: PlatformError | undefined;
}

async function prepare(messages: readonly RawMessage[], means: ArrivalMeans): Promise<Prepared> {
  const { db, tenant } = means;
  const sources = new Map<string, SourceReading | undefined>();
  const read: ReadMessage[] = [];
  const waiting: Prepared['waiting'][number][] = [];
  const bad: Prepared['bad'][number][] = [];
  for (const message of messages) {
    try {
      const raw = rowsMessage(message);
      const sender = senderOf(raw, tenant);
      if (!sources.has(sender.source)) {
        sources.set(sender.source, await findSource(db, tenant, sender.source));
      }
      const reading = sources.get(sender.source);
      if (reading) read.push({ message, ...readMessage(raw, sender, reading) });
      else waiting.push({ message, waiting: waitingOf(raw, sender) });
    } catch (error) {
      if (!(error instanceof PlatformError) || error.retry !== 'never') throw error;
      bad.push({ message, error: asPlatformError(error) });
    }
  }
  const known = [...sources.values()].filter((source) => source !== undefined);
  const cutRead = await cut(read, known, means);
  return { ...cutRead, waiting, bad: [...bad, ...cutRead.bad] };
}

async function cut(
  read: readonly ReadMessage[],
  known: readonly SourceReading[],
  means: ArrivalMeans,
): Promise<Omit<Prepared, 'waiting'>> {
  const { db, tenant } = means;
  const arrived = read.flatMap((one) => one.arrivals);
  const taken = new Set<string>();
  for (const { source, kind, rowIds } of idsBySource(arrived)) {
    for (const id of await takenRowIds(db, { tenant, source, kind, rowIds }))
      taken.add(`${source}/${kind}/${id}`);
  }
  const isTaken = ({ source, kind, row }: Arrival) => taken.has(`${source}/${kind}/${row.rowId}`);
  const judged = judgeLate(arrived, await lateSources(db, tenant, known), isTaken);
  const { drafts, duplicates } = segmentsOfBatch(judged.kept, isTaken);
  const segments: Prepared['segments'][number][] = [];
  for (const { columns, rows, ...draft } of drafts) {
    const file = await writeSegment(means, { columns, rows, producer: draft.producer });
    segments.push({ segment: { ...draft, ...file }, rowIds: rows.map((row) => row.rowId) });
  }
  const lateError = new Map(judged.refused.map(({ arrival, error }) => [arrival.row, error]));
  const isLate = new Set(judged.late.map(({ row }) => row));
  const isDuplicate = new Set(duplicates.map(({ row }) => row));
  const received = read.map((one) => ({
    message: one.message,
    counts: countsOf(
      {
        subject: one.message.subject,
        bytes: one.message.data.byteLength,
        rows: one.arrivals,
        refused: one.refused,
      },
      { isLate, isDuplicate, isRefused: lateError },
    ),
  }));
  const bad = read.flatMap(({ message, arrivals: rows, error }) => {
    const late = rows.find(({ row }) => lateError.has(row));
    const first = error ?? (late && lateError.get(late.row));
    return first ? [{ message, error: first }] : [];
  });
  return { segments, bad, received };
}

async function lateSources(db: Store, tenant: string, known: readonly SourceReading[]) {
  const sources = new Map<string, LateSource>();
  for (const { source, late } of known) {
    if (late.watermarkMs === undefined) continue;
    sources.set(source, { late, newest: await newestEvent(db, tenant, source) });
  }
  return sources;
}

function idsBySource(arrived: readonly Arrival[]) {
  const groups = new Map<string, { source: string; kind: Kind; rowIds: string[] }>();
  for (const { source, kind, row } of arrived) {
    const key = `${source}/${kind}`;
    const group = groups.get(key);
    if (group) group.rowIds.push(row.rowId);
    else groups.set(key, { source, kind, rowIds: [row.rowId] });
  }
  return groups.values();
}

/** Keeps messages of unknown sources until a system describes them; beyond a bound they become dead letters. */
async function letWait(
  db: Store,
  messages: Prepared['waiting'],
  {
    means: { tenant, log, waitingMessagesMax },
    now,
    park,
  }: { means: ArrivalMeans; now: number; park: (message: RawMessage, error: PlatformError) => Promise<void> },
): Promise<void> {
  for (const source of [...new Set(messages.map(({ waiting }) => waiting.source))].sort()) {
    await lockSource(db, tenant, source);
    if (await findSource(db, tenant, source)) throw takenMeanwhile();
    const named = messages.filter(({ waiting }) => waiting.source === source);
    const ofSource = named.filter(({ waiting }) => waiting.body.byteLength <= waitingBytesMax);
    const room = Math.max(
      0,
      waitingMessagesMax - (await countWaiting(db, tenant, source, waitingMessagesMax)),
    );
    await saveWaiting(
      db,
      tenant,
      ofSource.slice(0, room).map(({ waiting }) => waiting),
      now,
    );
    for (const { message } of ofSource.slice(room))
      await park(message, tooManyWait(source, waitingMessagesMax));
    for (const { message } of named.filter((one) => !ofSource.includes(one)))
      await park(message, tooLargeToWait(source));
    log.warn('messages wait: no system describes their source yet', { source, messages: ofSource.length });
  }
}

function rowsMessage(message: RawMessage): RowsMessage {
  return {
    subject: message.subject,
    data: message.data,
    stream: message.stream,
    sequence: message.sequence,
    time: message.time.getTime(),
    givenId: givenIdOf(message),
    contentType: message.header('content-type') || undefined,
    eventTime: message.header(eventHeaders.time) || undefined,
  };
}

function givenIdOf(message: RawMessage): string | undefined {
  const id = message.header(eventHeaders.id);
  if (!id) return message.messageId || undefined;
  return eventRowId(message.header(eventHeaders.source) ?? '', id);
}

function waitingOf(raw: RowsMessage, { source, kind, producer, messageId }: Sender): WaitingMessage {
  const headers = {
    ...(raw.contentType !== undefined && { 'content-type': raw.contentType }),
    ...(raw.eventTime !== undefined && { [eventHeaders.time]: raw.eventTime }),
  };
  return { source, kind, producer, messageId, sequence: raw.sequence, body: raw.data, headers };
}

function takenMeanwhile(): PlatformError {
  return new PlatformError('ROWS_CONFLICT', 'us', 'now', 'the same rows were taken on another way meanwhile');
}

function tooManyWait(source: string, max: number): PlatformError {
  return new PlatformError(
    'SOURCE_UNKNOWN',
    'caller',
    'never',
    `no system describes the source "${source}" and ${max} messages wait for one; declare it or apply a system.yaml, then requeue this`,
  );
}

function tooLargeToWait(source: string): PlatformError {
  return new PlatformError(
    'SOURCE_UNKNOWN',
    'caller',
    'never',
    `no system describes the source "${source}", and a message of over ${waitingBytesMax} bytes cannot wait for one; declare it or apply a system.yaml, then requeue this`,
  );
}
