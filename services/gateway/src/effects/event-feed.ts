import { setMaxListeners } from 'node:events';
import { type Bus, eventHeaders, follow, type RawMessage } from '@perennial/bus';
import { aggregateFilter, events, parseEventSubject } from '@perennial/contracts';

/** An event as followers read it: its headers and its body, as JSON. */
export interface ShownEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly time: string;
  readonly correlation_id: string;
  readonly causation_id: string;
  readonly body: unknown;
}

type Listener = (event: ShownEvent) => void;

/** Every aggregate with its stream, once. */
const aggregates = new Map(Object.values(events).map(({ aggregate, stream }) => [aggregate, stream]));
/** How long the first follower waits for the bus to begin; events of before are in the audit log. */
const beginWithinMs = 2_000;

/** The events of one tenant as they happen. Reads the bus while somebody listens, once for all of them. */
export class EventFeed {
  readonly #bus: Bus;
  readonly #tenant: string;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<Listener>();
  #stop: AbortController | undefined;
  #begun: Promise<void> | undefined;

  constructor(bus: Bus, tenant: string, onError: (error: unknown) => void) {
    this.#bus = bus;
    this.#tenant = tenant;
    this.#onError = onError;
  }

  /** Resolves when events are being heard; the function it gives ends that. */
  async listen(listener: Listener): Promise<() => void> {
    this.#listeners.add(listener);
    this.#begun ??= this.#begin();
    await this.#begun;
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stop?.abort();
      this.#begun = undefined;
    };
  }

  #begin(): Promise<void> {
    const stop = new AbortController();
    // One listener for each aggregate is no leak.
    setMaxListeners(0, stop.signal);
    this.#stop = stop;
    const begun = [...aggregates].map(
      ([aggregate, stream]) =>
        new Promise<void>((resolve) => {
          follow(this.#bus, {
            stream,
            filter: aggregateFilter(aggregate),
            from: 'new',
            signal: stop.signal,
            onCaughtUp: resolve,
            onError: this.#onError,
            onMessage: (message) => this.#tell(message),
          });
        }),
    );
    const late = new Promise<void>((resolve) => setTimeout(resolve, beginWithinMs).unref());
    return Promise.race([Promise.all(begun).then(() => {}), late]);
  }

  #tell(message: RawMessage): void {
    if (parseEventSubject(message.subject)?.tenant !== this.#tenant) return;
    const event = shown(message);
    for (const listener of this.#listeners) listener(event);
  }
}

/** Reads the headers of CloudEvents' binary mode; a type of a later release is shown like any other. */
function shown(message: RawMessage): ShownEvent {
  return {
    id: message.header(eventHeaders.id) ?? message.messageId ?? '',
    type: message.header(eventHeaders.type) ?? '',
    source: message.header(eventHeaders.source) ?? '',
    subject: message.subject,
    time: message.header(eventHeaders.time) ?? message.time.toISOString(),
    correlation_id: message.header(eventHeaders.correlationid) ?? '',
    causation_id: message.header(eventHeaders.causationid) ?? '',
    body: bodyOf(message.data),
  };
}

function bodyOf(data: Uint8Array): unknown {
  const text = Buffer.from(data).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
