import { type Tx, transact } from '@perennial/db';
import { sql } from 'kysely';
import { eventHeaders } from './event-headers.js';
import { type Bell, bell, pause } from './pause.js';
import { publishRaw } from './publish.js';
import type { Shell } from './shell.js';

/** Rows published in one transaction; a bus that is away holds no more of them locked. */
const rowsMax = 200;
/** The floor under notifications, which are lost with their connection. */
const pollMs = 1_000;
/** Rounds of a pass in which nothing can be published: then it is the bus, and not some of the events. */
const roundsInVainMax = 3;
const publishTimeoutMs = 5_000;
const failedPauseMs = 250;

interface OutboxRow {
  readonly id: string;
  readonly event_id: string;
  readonly stream: string;
  readonly subject: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  readonly aggregate: string;
  readonly aggregate_id: string;
  readonly aggregate_version: string;
}

export interface Relay {
  readonly bell: Bell;
  /** True while the last pass went through. */
  isWell(): boolean;
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Publishes the outbox. A row is marked in the transaction that locked it, after the stream acknowledged it: what is
 * published and not marked, for a crash between, is published again under the same id.
 */
export function relayOf(shell: Omit<Shell, 'wake'>): Relay {
  const rung = bell();
  let isWell = false;
  const pass = () => relayAll(shell);
  return {
    bell: rung,
    isWell: () => isWell,
    run: async (signal) => {
      const endOfLink = shell.bus.onLinkChange(rung.ring);
      while (!signal.aborted) {
        if (shell.bus.isConnected()) {
          try {
            await pass();
            isWell = true;
          } catch (error) {
            if (isWell) shell.log.warn('the outbox waits', { error: String(error) });
            isWell = false;
          }
        } else isWell = false;
        // After a failure nothing is gained by being woken: it is tried again with the next poll.
        if (isWell) await rung.heard(pollMs, signal);
        else await pause(failedPauseMs, signal);
      }
      endOfLink();
      // What the last handlers told shall leave with the service; what does not, leaves with the next start.
      if (shell.bus.isConnected()) await pass().catch(() => {});
    },
  };
}

/**
 * Everything in the outbox once. An aggregate whose event cannot be published is left out for the rest of the pass, so
 * that its later events, however many, keep back nobody else's.
 */
async function relayAll(shell: Omit<Shell, 'wake'>): Promise<void> {
  const stuck = new Set<string>();
  let failed = 0;
  for (let inVain = 0; inVain < roundsInVainMax; ) {
    const round = await relayOnce(shell, stuck);
    for (const aggregate of round.stuck) stuck.add(aggregate);
    failed += round.taken - round.published;
    inVain = round.published > 0 ? 0 : inVain + 1;
    if (round.taken < rowsMax || !shell.bus.isConnected()) break;
  }
  if (failed > 0) throw new Error(`${failed} events or more could not be published`);
}

function relayOnce(
  shell: Omit<Shell, 'wake'>,
  without: ReadonlySet<string>,
): Promise<{ taken: number; published: number; stuck: string[] }> {
  return transact(shell.database.db, async (tx) => {
    const rows = await takeRows(tx, shell.database.schema, [...without]);
    const groups = [...byAggregate(rows)];
    const published = await Promise.all(groups.map(([, group]) => publishInOrder(shell, group)));
    const sequences = published.flat();
    if (sequences.length > 0) await markPublished(tx, sequences);
    const isStuck = (at: number) => (published[at]?.length ?? 0) < (groups[at]?.[1].length ?? 0);
    const stuck = groups.map(([aggregate]) => aggregate).filter((_, at) => isStuck(at));
    return { taken: rows.length, published: sequences.length, stuck };
  });
}

/**
 * The oldest unpublished rows, locked. One process at a time, or two events of one aggregate could overtake each other
 * between two relays; whoever holds the lock has heard the same notification.
 */
async function takeRows(tx: Tx, schema: string, without: readonly string[]): Promise<OutboxRow[]> {
  // A mark that is lost in a crash costs one repeated publication, and the commit needs no disk.
  await sql`set local synchronous_commit = off`.execute(tx);
  const { rows } = await sql<OutboxRow>`
    with mine as materialized (select pg_try_advisory_xact_lock(hashtext(${`relay ${schema}`})) as is_mine)
    select id, event_id, stream, subject, headers, body, aggregate, aggregate_id, aggregate_version
    from outbox where published_at is null and (select is_mine from mine)
      and aggregate || ' ' || aggregate_id <> all(${[...without]}::text[])
    order by id limit ${rowsMax} for update skip locked`.execute(tx);
  return rows;
}

function byAggregate(rows: readonly OutboxRow[]): Map<string, OutboxRow[]> {
  const groups = new Map<string, OutboxRow[]>();
  for (const row of rows) {
    const key = `${row.aggregate} ${row.aggregate_id}`;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

/** One aggregate's events, each after the one before is stored. The first that fails keeps back those behind it. */
async function publishInOrder(
  { bus, log }: Omit<Shell, 'wake'>,
  rows: readonly OutboxRow[],
): Promise<{ id: string; sequence: number }[]> {
  const published: { id: string; sequence: number }[] = [];
  for (const row of rows) {
    try {
      const { sequence } = await publishRaw(bus, {
        subject: row.subject,
        body: row.body,
        id: row.event_id,
        headers: { ...row.headers, [eventHeaders.sequence]: row.aggregate_version },
        timeoutMs: publishTimeoutMs,
        stream: row.stream,
      });
      published.push({ id: row.id, sequence });
    } catch (error) {
      log.debug('event not published', { id: row.event_id, subject: row.subject, error: String(error) });
      break;
    }
  }
  return published;
}

async function markPublished(tx: Tx, sequences: readonly { id: string; sequence: number }[]): Promise<void> {
  await sql`
    update outbox set published_at = now(), stream_sequence = done.sequence
    from jsonb_to_recordset(${JSON.stringify(sequences)}::jsonb) as done(id bigint, sequence bigint)
    where outbox.id = done.id`.execute(tx);
}
