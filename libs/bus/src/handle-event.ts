import { type Tx, transact } from '@perennial/db';
import type { EventHandler } from './handlers.js';
import { enterInbox } from './inbox.js';
import type { ReceivedEvent } from './messages.js';
import { emitterOf, type Shell } from './shell.js';

/** Inbox, work and outbox in one transaction. False where the event had been handled before. */
export async function handleEvent(
  shell: Shell,
  handler: EventHandler,
  event: ReceivedEvent<never>,
): Promise<boolean> {
  const { consumer } = handler;
  const prepared = await handler.prepare(event);
  return transact(shell.database.db, async (tx) => {
    const key = { consumer, eventId: event.id, stream: event.stream, sequence: event.sequence };
    if (!(await enterInbox(tx, key, 'handled'))) return false;
    await callHandler(shell, handler, tx, event, prepared);
    return true;
  });
}

/** The handler's own part of the transaction. */
export async function callHandler(
  shell: Shell,
  handler: EventHandler,
  tx: Tx,
  event: ReceivedEvent<never>,
  prepared: unknown,
): Promise<void> {
  const { correlationId, id: causationId, traceparent } = event;
  const emit = emitterOf(shell, tx, { correlationId, causationId, traceparent });
  await handler.handle({ event, prepared: prepared as never, tx, emit });
}
