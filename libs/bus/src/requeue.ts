import { isTransient, type Tx, transact } from '@perennial/db';
import { asPlatformError, invalid, type PlatformError } from '@perennial/kernel';
import { sql } from 'kysely';
import { lockPosition } from './batch-position.js';
import { decodeAs } from './decode-event.js';
import { callHandler } from './handle-event.js';
import type { Handler } from './handlers.js';
import { clearInbox } from './inbox.js';
import type { RawMessage, ReceivedEvent } from './messages.js';
import { park } from './park.js';
import { type Bell, bell } from './pause.js';
import { identityOf, rawFrom, withBody } from './raw-message.js';
import { callBatchHandler } from './run-batches.js';
import type { Shell } from './shell.js';
import { beginSuspect, deathsMax, endSuspect, processDied } from './suspects.js';

const pollMs = 5_000;

interface Waiting {
  readonly dead_letter_id: string;
  readonly consumer: string;
  readonly stream: string;
  readonly stream_sequence: string;
  readonly stream_time: Date;
  readonly subject: string;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
  readonly attempts: number;
}

export interface Requeue {
  readonly bell: Bell;
  run(signal: AbortSignal): Promise<void>;
}

/** Gives requeued dead letters to their handlers, from the copies that were kept. One that fails again is open again. */
export function requeueOf(shell: Shell, handlers: readonly Handler[]): Requeue {
  const rung = bell();
  return {
    bell: rung,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          for (const waiting of await waitingOnes(shell)) {
            if (signal.aborted) return;
            await handleAgain(shell, handlers, waiting);
          }
        } catch (error) {
          shell.log.warn('requeued dead letters wait', { error: String(error) });
        }
        await rung.heard(pollMs, signal);
      }
    },
  };
}

async function waitingOnes({ database }: Shell): Promise<Waiting[]> {
  const { rows } = await sql<Waiting>`
    select * from dead_letter where status = 'requeued' and handled_at is null
    order by decided_at limit 100`.execute(database.db);
  return rows;
}

async function handleAgain(shell: Shell, handlers: readonly Handler[], waiting: Waiting): Promise<void> {
  const message = rawOfWaiting(waiting);
  const { consumer } = waiting;
  try {
    await suspect(shell, waiting);
    const handler = handlers.find((one) => one.consumer === consumer);
    if (!handler) {
      throw invalid(
        'CONSUMER_UNKNOWN',
        `consumer ${consumer} is none of this release; discard its dead letters`,
      );
    }
    if (handler.kind === 'batch') await messageAgain(shell, handler, waiting, message);
    else await eventAgain(shell, handler, waiting, await withBody(message, shell.getArtifact));
    shell.log.info('dead letter handled', { consumer, deadLetterId: waiting.dead_letter_id });
  } catch (thrown) {
    if (isTransient(thrown)) throw thrown;
    await openAgain(shell, waiting, message, asPlatformError(thrown));
  } finally {
    await endSuspect(shell.database.db, suspectName(waiting), waiting.dead_letter_id).catch(() => {});
  }
  shell.wake();
}

const suspectName = ({ consumer }: Waiting) => `requeued to ${consumer}`;

/** What killed its process before it was parked may do so again, and would be the first thing the next process takes. */
async function suspect({ database }: Shell, waiting: Waiting): Promise<void> {
  const begun = await beginSuspect(database.db, suspectName(waiting), waiting.dead_letter_id);
  if (begun > deathsMax) throw processDied(begun - 1);
}

async function eventAgain(
  shell: Shell,
  handler: Extract<Handler, { kind: 'event' }>,
  waiting: Waiting,
  message: RawMessage,
): Promise<void> {
  const event = decodeAs(message, handler.event.schema) as ReceivedEvent<never>;
  const prepared = await handler.prepare(event);
  await transact(shell.database.db, async (tx) => {
    if (!(await claim(tx, waiting))) return;
    await clearInbox(tx, handler.consumer, identityOf(message));
    await callHandler(shell, handler, tx, event, prepared);
  });
}

async function messageAgain(
  shell: Shell,
  handler: Extract<Handler, { kind: 'batch' }>,
  waiting: Waiting,
  message: RawMessage,
): Promise<void> {
  const prepared = await handler.prepare([message]);
  await transact(shell.database.db, async (tx) => {
    // The lock of the running batches: they and this one take turns.
    await lockPosition(tx, handler);
    if (!(await claim(tx, waiting))) return;
    await callBatchHandler(shell, handler, {
      tx,
      messages: [message],
      prepared,
      headersOf: () => waiting.headers,
    });
  });
}

/** Marks it handled, to the end of the transaction; false where another process was faster. */
async function claim(tx: Tx, { dead_letter_id }: Waiting): Promise<boolean> {
  const { rows } = await sql`
    update dead_letter set handled_at = now()
    where dead_letter_id = ${dead_letter_id}::uuid and status = 'requeued' and handled_at is null
    returning 1`.execute(tx);
  return rows.length > 0;
}

async function openAgain(
  shell: Shell,
  waiting: Waiting,
  message: RawMessage,
  error: PlatformError,
): Promise<void> {
  const { consumer, headers, dead_letter_id: deadLetterId } = waiting;
  const { code, internal } = error;
  shell.log.warn(`dead letter failed again: ${error.message}`, { consumer, deadLetterId, code, internal });
  await transact(shell.database.db, async (tx) => {
    // Another process may have handled it meanwhile.
    if (await claim(tx, waiting)) await park(shell, tx, { consumer, message, headers, attempts: 1, error });
  });
}

function rawOfWaiting(waiting: Waiting): RawMessage {
  return rawFrom(
    {
      subject: waiting.subject,
      data: waiting.body,
      stream: waiting.stream,
      sequence: Number(waiting.stream_sequence),
      time: waiting.stream_time,
      attempt: waiting.attempts + 1,
    },
    waiting.headers,
  );
}
