import { batchHandler, eventHeaders, type Log, type RawMessage } from '@perennial/bus';
import { arrivalFilters } from '@perennial/contracts';
import { asPlatformError, type Clock, limits, PlatformError } from '@perennial/kernel';
import { type RowsMessage, readMessage, type Sender, senderOf } from '../decide/read-message.js';
import { type Arrival, segmentsOfBatch } from '../decide/segments-of-batch.js';
import { type Means, writeSegment } from '../effects/write-segment.js';
import { recordSegment } from '../record.js';
import {
  type CutSegment,
  countWaiting,
  findSource,
  type Kind,
  lockSource,
  type SourceReading,
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
      await letWait(db, prepared.waiting.filter(isMine), { means, now, park });
    },
  });
}

async function prepare(messages: readonly RawMessage[], means: ArrivalMeans): Promise<Prepared> {
  const { db, tenant } = means;
  const sources = new Map<string, SourceReading | undefined>();
  const arrived: Arrival[] = [];
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
      if (reading) {
        const { arrivals: rows, error } = readMessage(raw, sender, reading.timeColumn);
        arrived.push(...rows);
        if (error) bad.push({ message, error });
      } else {
        waiting.push({ message, waiting: waitingOf(raw, sender) });
      }
    } catch (error) {
      if (!(error instanceof PlatformError) || error.retry !== 'never') throw error;
      bad.push({ message, error: asPlatformError(error) });
    }
  }
  return { segments: await cut(arrived, means), waiting, bad };
}

async function cut(arrived: readonly Arrival[], means: ArrivalMeans): Promise<Prepared['segments']> {
  const { db, tenant } = means;
  const taken = new Set<string>();
  for (const { source, kind, rowIds } of idsBySource(arrived)) {
    for (const id of await takenRowIds(db, { tenant, source, kind, rowIds }))
      taken.add(`${source}/${kind}/${id}`);
  }
  const isTaken = ({ source, kind, row }: Arrival) => taken.has(`${source}/${kind}/${row.rowId}`);
  const segments: Prepared['segments'][number][] = [];
  for (const { columns, rows, ...draft } of segmentsOfBatch(arrived, isTaken).drafts) {
    const file = await writeSegment(means, columns, rows);
    segments.push({ segment: { ...draft, ...file }, rowIds: rows.map((row) => row.rowId) });
  }
  return segments;
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
    givenId: message.header(eventHeaders.id) || message.messageId || undefined,
  };
}

function waitingOf(raw: RowsMessage, { source, kind, producer, messageId }: Sender): WaitingMessage {
  return { source, kind, producer, messageId, sequence: raw.sequence, body: raw.data };
}

function takenMeanwhile(): PlatformError {
  return new PlatformError('ROWS_CONFLICT', 'us', 'now', 'the same rows were taken on another way meanwhile');
}

function tooManyWait(source: string, max: number): PlatformError {
  return new PlatformError(
    'SOURCE_UNKNOWN',
    'caller',
    'never',
    `no system describes the source "${source}" and ${max} messages wait for one; apply a system.yaml, then requeue this`,
  );
}

function tooLargeToWait(source: string): PlatformError {
  return new PlatformError(
    'SOURCE_UNKNOWN',
    'caller',
    'never',
    `no system describes the source "${source}", and a message of over ${waitingBytesMax} bytes cannot wait for one; apply a system.yaml, then requeue this`,
  );
}
