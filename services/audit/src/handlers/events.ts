import { batchHandler, type Handler, type RawMessage } from '@perennial/bus';
import { aggregateFilter, parseEventSubject } from '@perennial/contracts';
import { asPlatformError, type Clock, type PlatformError } from '@perennial/kernel';
import type { NoteSigner } from '@perennial/tlog';
import { append } from '../append.js';
import { type Entry, entryOf } from '../decide/entry.js';
import { Store } from '../store.js';
import { ours } from '../tables.js';

const streams = ['DATA', 'TRAINING', 'MODEL', 'MONITOR'] as const;

export interface Recorder {
  readonly tenant: string;
  readonly clock: Clock;
  readonly signer: NoteSigner;
}

/** Records every event of every aggregate, known to this release or not: one consumer for each stream. */
export function recordEvents(recorder: Recorder): Handler[] {
  return streams.map((stream) =>
    batchHandler({
      consumer: `audit-${stream.toLowerCase()}`,
      stream,
      filter: aggregateFilter('*'),
      handle: async ({ messages, tx, park }) => {
        const read = readMessages(recorder.tenant, messages);
        for (const { message, error } of read.malformed) await park(message, error);
        const { entries } = read;
        const store = new Store(ours(tx), recorder.tenant);
        const now = new Date(recorder.clock.now());
        await append(store, { entries, signer: recorder.signer, now }, async (entry, error) => {
          const message = read.messageOf.get(entry);
          if (message) await park(message, error);
        });
      },
    }),
  );
}

interface ReadMessages {
  readonly entries: Entry[];
  readonly messageOf: Map<Entry, RawMessage>;
  readonly malformed: { message: RawMessage; error: PlatformError }[];
}

/** Other tenants have logs of their own. */
function readMessages(tenant: string, messages: readonly RawMessage[]): ReadMessages {
  const read: ReadMessages = { entries: [], messageOf: new Map(), malformed: [] };
  for (const message of messages) {
    const subject = parseEventSubject(message.subject);
    if (subject && subject.tenant !== tenant) continue;
    try {
      const entry = entryOf(message);
      read.entries.push(entry);
      read.messageOf.set(entry, message);
    } catch (error) {
      read.malformed.push({ message, error: asPlatformError(error) });
    }
  }
  return read;
}
