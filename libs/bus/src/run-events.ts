import type { JsMsg } from '@nats-io/jetstream';
import { isTransient, transact } from '@perennial/db';
import { asPlatformError, type PlatformError } from '@perennial/kernel';
import type { Bus } from './bus.js';
import { decodeAs } from './decode-event.js';
import { ensureConsumer, feeding } from './durable-consumer.js';
import { handleEvent } from './handle-event.js';
import type { EventHandler } from './handlers.js';
import { enterInbox } from './inbox.js';
import type { RawMessage, ReceivedEvent } from './messages.js';
import { park } from './park.js';
import { bell, pause } from './pause.js';
import { headersOfMessage, identityOf, rawOf, withBody } from './raw-message.js';
import { keepReading, pullMessages } from './reading.js';
import { verdictOn } from './retry.js';
import { outageRetryMs, type Running, type Shell } from './shell.js';
import { beginSuspect, deathsMax, endSuspect, processDied } from './suspects.js';
import { traced } from './trace.js';

/** From this delivery on it is written down that a message is in hand, in case that it kills the process. */
const suspiciousDeliveries = 3;
/** Between looks at the signal. */
const idleMs = 60_000;
/** Parking itself failed, and not for an outage: a bug of ours, which must not spin. */
const parkAgainMs = 15_000;

/** Feeds a handler from its durable consumer until the signal aborts. One message at a time. */
export function runEvents(shell: Shell, handler: EventHandler, signal: AbortSignal): Running {
  const worker = new EventWorker(shell, handler, signal);
  const ended = worker.run();
  return { isReading: () => worker.isReading, ended };
}

class EventWorker {
  isReading = false;
  /** Pulled and not yet settled, oldest first. */
  private readonly held = new Set<JsMsg>();
  private readonly queue: JsMsg[] = [];
  private readonly arrived = bell();
  private readonly freed = bell();
  /** Failures by stream sequence. */
  private readonly failures = new Map<number, number>();
  /** In the table of suspects since this process has it in hand: an outage that is waited out is no death. */
  private suspected: number | undefined;

  constructor(
    private readonly shell: Shell,
    private readonly handler: EventHandler,
    private readonly signal: AbortSignal,
  ) {}

  async run(): Promise<void> {
    const { ackWaitMs } = feeding[this.handler.pace];
    const keepAlive = setInterval(() => {
      for (const message of this.held) message.working();
    }, ackWaitMs / 4);
    try {
      await Promise.all([this.pullAll(), this.work()]);
    } finally {
      clearInterval(keepAlive);
    }
  }

  private pullAll(): Promise<void> {
    const { bus, log } = this.shell;
    const { consumer } = this.handler;
    return keepReading(bus, {
      signal: this.signal,
      open: () => ensureConsumer(bus, this.handler),
      read: async (info, signal) => {
        this.isReading = true;
        try {
          while (!signal.aborted) await this.pullInto(bus, info, signal);
        } finally {
          this.isReading = false;
        }
      },
      broken: (error) => log.warn('reading broke off; beginning anew', { consumer, error: String(error) }),
    });
  }

  private async pullInto(
    bus: Bus,
    info: Parameters<typeof pullMessages>[1],
    signal: AbortSignal,
  ): Promise<void> {
    const count = feeding[this.handler.pace].prefetch - this.held.size;
    if (count <= 0) {
      await this.freed.heard(idleMs, signal);
      return;
    }
    await pullMessages(bus, info, {
      count,
      signal,
      take: (message) => {
        this.held.add(message);
        this.queue.push(message);
        this.arrived.ring();
      },
    });
  }

  private async work(): Promise<void> {
    while (!this.signal.aborted) {
      const message = this.queue.shift();
      if (!message) {
        await this.arrived.heard(idleMs, this.signal);
        continue;
      }
      await this.settle(message);
      this.suspected = undefined;
      this.held.delete(message);
      this.freed.ring();
    }
  }

  /**
   * Handles one message and acknowledges it. An outage of PostgreSQL is waited out with the message in hand: it is
   * nobody's fault, and must not count. Left unacknowledged only when stopped meanwhile.
   */
  private async settle(message: JsMsg): Promise<void> {
    const sequence = message.info.streamSequence;
    const raw = rawOf(message, (this.failures.get(sequence) ?? 0) + 1);
    let pending: PlatformError | undefined;
    for (;;) {
      try {
        if (pending) await this.parkIt(message, raw, pending);
        else await this.handleIt(message, raw);
        this.failures.delete(sequence);
        message.ack();
        return;
      } catch (thrown) {
        if (isTransient(thrown)) {
          await pause(outageRetryMs, this.signal);
          if (this.signal.aborted) return;
          continue;
        }
        const error = asPlatformError(thrown);
        const verdict = verdictOn(error, raw.attempt);
        this.report(error, raw, verdict.kind === 'park');
        if (verdict.kind === 'park' && !pending) {
          pending = error;
          continue;
        }
        this.failures.set(sequence, raw.attempt);
        await this.forgive(message, raw);
        message.nak(verdict.kind === 'again' ? verdict.delayMs : parkAgainMs);
        return;
      }
    }
  }

  private async handleIt(message: JsMsg, raw: RawMessage): Promise<void> {
    const { shell, handler } = this;
    const { consumer } = handler;
    const isSuspect = message.info.deliveryCount >= suspiciousDeliveries;
    if (isSuspect) await this.suspect(raw);
    const whole = await withBody(raw, shell.getArtifact);
    const event = decodeAs(whole, handler.event.schema) as ReceivedEvent<never>;
    // Another tenant's platform on the same bus has handlers of its own.
    if (event.tenant !== shell.tenant) return;
    const startedAt = performance.now();
    const isFirst = await traced(consumer, raw, () => handleEvent(shell, handler, event));
    if (isSuspect) await endSuspect(shell.database.db, consumer, event.id);
    shell.wake();
    shell.log.debug(isFirst ? 'event handled' : 'event known already', {
      consumer,
      type: event.type,
      id: event.id,
      aggregateId: event.aggregateId,
      correlationId: event.correlationId,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
    });
  }

  private async suspect(raw: RawMessage): Promise<void> {
    if (this.suspected === raw.sequence) return;
    const begun = await beginSuspect(this.shell.database.db, this.handler.consumer, identityOf(raw));
    this.suspected = raw.sequence;
    if (begun > deathsMax) throw processDied(begun - 1);
  }

  /** It failed, but the process lives: no reason for suspicion. */
  private async forgive(message: JsMsg, raw: RawMessage): Promise<void> {
    if (message.info.deliveryCount < suspiciousDeliveries) return;
    await endSuspect(this.shell.database.db, this.handler.consumer, identityOf(raw)).catch(() => {});
  }

  private async parkIt(message: JsMsg, raw: RawMessage, error: PlatformError): Promise<void> {
    const { consumer } = this.handler;
    const eventId = identityOf(raw);
    await transact(this.shell.database.db, async (tx) => {
      const key = { consumer, eventId, stream: raw.stream, sequence: raw.sequence };
      if (!(await enterInbox(tx, key, 'parked'))) return;
      const headers = headersOfMessage(message);
      await park(this.shell, tx, { consumer, message: raw, headers, attempts: raw.attempt, error });
      await endSuspect(tx, consumer, eventId);
    });
    this.shell.wake();
  }

  private report(error: PlatformError, raw: RawMessage, isParked: boolean): void {
    const { consumer } = this.handler;
    const { code, internal } = error;
    const fields = {
      consumer,
      id: identityOf(raw),
      subject: raw.subject,
      attempt: raw.attempt,
      code,
      internal,
    };
    this.shell.log.warn(`${isParked ? 'message parked' : 'handling failed'}: ${error.message}`, fields);
  }
}
