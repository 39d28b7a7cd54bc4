import { type Bus, eventHeaders, type Log, publishRaw } from '@perennial/bus';
import { arrivalSubject } from '@perennial/contracts';
import { uuidv5 } from '@perennial/kernel';
import { forgetWaiting, type Store, takeableMessages } from './store.js';

/** How often messages that wait are looked for, beside the look after each applied system: one look at a small table. */
const everyMs = 1_000;
const messagesMax = 256;

/**
 * Puts messages back on the bus once their source is known, in the order they came. A message is forgotten when the
 * bus has acknowledged it; sent twice, it is the same rows.
 */
export class Waiting {
  readonly #o: { readonly bus: Bus; readonly db: Store; readonly tenant: string; readonly log: Log };
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isAsked = false;

  constructor(o: { bus: Bus; db: Store; tenant: string; log: Log }) {
    this.#o = o;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), everyMs);
    this.look();
  }

  /** Looks now, and once more if it is looking already. */
  look(): void {
    this.#isAsked = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#isAsked = false;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isAsked) {
      this.#isAsked = false;
      try {
        if ((await this.#putBack()) > 0) this.#isAsked = true;
      } catch (error) {
        this.#o.log.warn('waiting messages could not go back to the bus; trying again', { error });
      }
    }
  }

  async #putBack(): Promise<number> {
    const { bus, db, tenant, log } = this.#o;
    const messages = await takeableMessages(db, tenant, messagesMax);
    for (const message of messages) {
      const { source, kind, producer, messageId, headers } = message;
      await publishRaw(bus, {
        subject: arrivalSubject({ arrival: kind, tenant, source, producer }),
        body: message.body,
        // Not the first message's own id: the bus would take it for a repetition and drop it.
        id: uuidv5('waited', source, kind, messageId),
        headers: {
          [eventHeaders.id]: encodeURIComponent(messageId),
          ...(headers['content-type'] && { 'content-type': headers['content-type'] }),
          ...(headers[eventHeaders.time] && {
            [eventHeaders.time]: encodeURIComponent(headers[eventHeaders.time] ?? ''),
          }),
        },
      });
      await forgetWaiting(db, tenant, message);
    }
    if (messages.length)
      log.info('messages that waited for their source went back to the bus', { messages: messages.length });
    return messages.length;
  }
}
