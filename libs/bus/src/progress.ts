import { type ConsumerInfo, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { eventFilter } from '@perennial/contracts';
import type { AnyDb } from '@perennial/db';
import { unavailable } from '@perennial/kernel';
import { sql } from 'kysely';
import type { Bus } from './bus.js';
import type { Handler } from './handlers.js';
import type { Shell } from './shell.js';

/** A consumer's backlog; both zero only when every message of its filter that the stream has is handled. */
export interface ConsumerProgressInit {
  stream: string;
  consumer: string;
  /** Not yet given out. For batch consumers at most this many: counted in sequences of the stream. */
  pending: bigint;
  /** Given out and not yet acknowledged, and requeued dead letters that wait. */
  unacknowledged: number;
}

/** Events told and not yet on the bus. */
export async function unpublishedCount(db: AnyDb): Promise<number> {
  const { rows } = await sql<{
    count: string;
  }>`select count(*) from outbox where published_at is null`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/**
 * Tells how far the consumers are. What was found once is not asked again: where each filter ended as long as its stream
 * stands, and that a consumer had handled everything up to there, which no later moment can undo.
 */
export function progressOf(
  shell: Shell,
  handlers: readonly Handler[],
): () => Promise<ConsumerProgressInit[]> {
  const { bus, database } = shell;
  const ends = endsOf(bus);
  const doneUpTo = new Map<string, number>();
  // Behind a lost connection there may be a bus that lost its streams.
  bus.onLinkChange(() => doneUpTo.clear());
  return async () => {
    if (!bus.isConnected()) throw unavailable('BUS_UNAVAILABLE', 'the bus is away; ask again later');
    const streamEnds = await lastSequences(bus, handlers.map(streamOf));
    const looks = await Promise.all(
      handlers.map(async (handler) => {
        const stream = streamOf(handler);
        const end = await ends(stream, filterOf(handler), streamEnds.get(stream) ?? 0);
        return { handler, stream, end, isDone: doneUpTo.get(handler.consumer) === end };
      }),
    );
    const hasBatches = looks.some(({ handler, isDone }) => handler.kind === 'batch' && !isDone);
    const [positions, requeued] = await Promise.all([
      hasBatches ? positionsOf(database.db) : new Map<string, number>(),
      requeuedOf(database.db),
    ]);
    const backlogOf = async ({ handler, stream, end, isDone }: (typeof looks)[number]): Promise<Backlog> => {
      const { consumer } = handler;
      if (isDone) return nothingLeft;
      const backlog =
        handler.kind === 'batch'
          ? behind(end, positions.get(consumer) ?? 0)
          : await durableProgress(bus, stream, consumer, end);
      if (backlog.pending === 0 && backlog.unacknowledged === 0) doneUpTo.set(consumer, end);
      return backlog;
    };
    return Promise.all(
      looks.map(async (look) => {
        const { consumer } = look.handler;
        const { pending, unacknowledged } = await backlogOf(look);
        return {
          stream: look.stream,
          consumer,
          pending: BigInt(pending),
          unacknowledged: unacknowledged + (requeued.get(consumer) ?? 0),
        };
      }),
    );
  };
}

interface Backlog {
  readonly pending: number;
  readonly unacknowledged: number;
}

const nothingLeft: Backlog = { pending: 0, unacknowledged: 0 };
const streamOf = (handler: Handler) => (handler.kind === 'batch' ? handler.stream : handler.event.stream);
const filterOf = (handler: Handler) =>
  handler.kind === 'batch' ? handler.filter : eventFilter(handler.event);
const behind = (end: number, position: number): Backlog => ({
  pending: Math.max(0, end - position),
  unacknowledged: 0,
});

/**
 * The server tells consumers of a new message a moment after it acknowledged it to the publisher, so its counts alone may
 * say that nothing is pending when something is. Compared with the last message that matches, they cannot.
 */
async function durableProgress(bus: Bus, stream: string, consumer: string, end: number): Promise<Backlog> {
  const info = await consumerInfo(bus, stream, consumer);
  if (!info) return behind(end, 0);
  const isAllGivenOut = info.delivered.stream_seq >= end;
  return {
    pending: isAllGivenOut ? info.num_pending : Math.max(1, info.num_pending),
    unacknowledged: info.num_ack_pending,
  };
}

/** Undefined for a consumer that is still to be made. */
async function consumerInfo(bus: Bus, stream: string, consumer: string): Promise<ConsumerInfo | undefined> {
  try {
    return await bus.jsm.consumers.info(stream, consumer);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound)
      return undefined;
    throw error;
  }
}

async function lastSequences(bus: Bus, names: readonly string[]): Promise<Map<string, number>> {
  const entries = [...new Set(names)].map(async (name) => {
    const { state } = await bus.jsm.streams.info(name);
    return [name, state.last_seq] as const;
  });
  return new Map(await Promise.all(entries));
}

/** The sequence of the last message that matches a filter; 0 for none. */
function endsOf(bus: Bus): (stream: string, filter: string, streamEnd: number) => Promise<number> {
  const known = new Map<string, { streamEnd: number; end: number }>();
  return async (stream, filter, streamEnd) => {
    const key = `${stream} ${filter}`;
    const before = known.get(key);
    if (before?.streamEnd === streamEnd) return before.end;
    const last = await bus.jsm.streams.getMessage(stream, { last_by_subj: filter });
    const end = last?.seq ?? 0;
    known.set(key, { streamEnd, end });
    return end;
  };
}

async function positionsOf(db: AnyDb): Promise<Map<string, number>> {
  const { rows } = await sql<{ consumer: string; stream_sequence: string }>`
    select consumer, stream_sequence from batch_position`.execute(db);
  return new Map(rows.map((row) => [row.consumer, Number(row.stream_sequence)]));
}

async function requeuedOf(db: AnyDb): Promise<Map<string, number>> {
  const { rows } = await sql<{ consumer: string; count: string }>`
    select consumer, count(*) from dead_letter where status = 'requeued' and handled_at is null
    group by consumer`.execute(db);
  return new Map(rows.map((row) => [row.consumer, Number(row.count)]));
}
