import type { ArtifactStore } from '@perennial/artifacts';
import { batchHandler, eventHeaders, type Handler, type RawMessage } from '@perennial/bus';
import { aggregateFilter, parseEventSubject } from '@perennial/contracts';
import { asPlatformError, type Clock, PlatformError } from '@perennial/kernel';
import type { NoteSigner } from '@perennial/tlog';
import { append } from '../append.js';
import { type Attribute, type Entry, entryOf } from '../decide/entry.js';
import { withBody } from '../effects/bodies.js';
import { Store } from '../store.js';
import { ours } from '../tables.js';

const streams = ['DATA', 'TRAINING', 'MODEL', 'MONITOR'] as const;

export interface Recorder {
  readonly tenant: string;
  readonly clock: Clock;
  readonly signer: NoteSigner;
  readonly artifacts: ArtifactStore;
}

/** Records every event of every aggregate, known to this release or not: one consumer for each stream. */
export function recordEvents(recorder: Recorder): Handler[] {
  const { tenant, clock, signer, artifacts } = recorder;
  return streams.map((stream) =>
    batchHandler({
      consumer: `audit-${stream.toLowerCase()}`,
      stream,
      filter: aggregateFilter('*'),
      prepare: (messages) => readMessages(artifacts, messages),
      handle: async ({ messages, prepared, tx, park }) => {
        const entries: Entry[] = [];
        const messageOf = new Map<Entry, RawMessage>();
        for (const message of messages) {
          const read = prepared.get(message.sequence);
          // Other tenants have logs of their own.
          if (!read || (parseEventSubject(message.subject)?.tenant ?? tenant) !== tenant) continue;
          if (read instanceof PlatformError) {
            await park(message, read);
            continue;
          }
          entries.push(read);
          messageOf.set(read, message);
        }
        const refuse = async (entry: Entry, error: PlatformError) => {
          const message = messageOf.get(entry);
          if (message) await park(message, error);
        };
        const store = new Store(ours(tx), tenant);
        await append(store, { entries, signer, now: new Date(clock.now()) }, refuse);
      },
    }),
  );
}

/**
 * Entries, or why a message is none, by sequence. Large bodies are fetched for the search index alone: an event is
 * recorded whether its artifact can be had or not.
 */
async function readMessages(
  artifacts: ArtifactStore,
  messages: readonly RawMessage[],
): Promise<ReadonlyMap<number, Entry | PlatformError>> {
  const read = new Map<number, Entry | PlatformError>();
  for (const message of messages) {
    try {
      const attribute = (name: Attribute) => message.header(eventHeaders[name]);
      const entry = entryOf({ subject: message.subject, data: message.data, attribute });
      read.set(message.sequence, await withBody(artifacts, entry));
    } catch (error) {
      read.set(message.sequence, asPlatformError(error));
    }
  }
  return read;
}
