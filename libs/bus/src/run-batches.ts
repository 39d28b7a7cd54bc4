import type { JsMsg } from '@nats-io/jetstream';
import { isTransient, type Tx, transact } from '@perennial/db';
import { asPlatformError, type PlatformError } from '@perennial/kernel';
import {
  expiredBehind,
  isStreamAnother,
  lockPosition,
  movePosition,
  positionOf,
  resetPosition,
} from './batch-position.js';
import { BatchQueue } from './batch-queue.js';
import { addEphemeral } from './ephemeral-consumer.js';
import type { BatchCall, BatchHandler } from './handlers.js';
import type { RawMessage } from './messages.js';
import { park } from './park.js';
import { pause } from './pause.js';
import { headersOfMessage, identityOf, rawOf } from './raw-message.js';
import { keepReading, streamMessages } from './reading.js';
import { verdictOn } from './retry.js';
import { emitterOf, outageRetryMs, type Running, type Shell } from './shell.js';
import { beginSuspect, deathsMax, endSuspect, processDied } from './suspects.js';
import { traced } from './trace.js';

/** Batches that wait in memory while one is handled. */
const batchesAhead = 2;

/** Feeds a batch handler from its position on, until the signal aborts. */
export function runBatches(shell: Shell, handler: BatchHandler, signal: AbortSignal): Running {
  const worker = new BatchWorker(shell, handler, signal);
  return { isReading: () => worker.isReading, ended: worker.run() };
}

interface Batch {
  readonly raws: readonly RawMessage[];
  readonly headersOf: (message: RawMessage) => Record<string, string>;
}

class BatchWorker {
  isReading = false;
  /** Whether a batch has ended since the process began; until then one may be in hand that kills it. */
  private isProven = false;

  constructor(
    private readonly shell: Shell,
    private readonly handler: BatchHandler,
    private readonly signal: AbortSignal,
  ) {}

  run(): Promise<void> {
    const { bus, log } = this.shell;
    const { stream, filter, consumer } = this.handler;
    return keepReading(bus, {
      signal: this.signal,
      open: async () => {
        const after = await this.startPosition();
        return addEphemeral(bus, { stream, filter, start: { after }, name: consumer });
      },
      read: async (info, signal) => {
        this.isReading = true;
        const end = new AbortController();
        const stop = () => end.abort();
        signal.addEventListener('abort', stop, { once: true });
        if (signal.aborted) stop();
        const room = this.handler.messagesMax * batchesAhead;
        const queue = new BatchQueue(room, end.signal);
        const reading = streamMessages(bus, info, {
          prefetch: room,
          signal: end.signal,
          take: (m) => queue.put(m),
        });
        try {
          // Whichever ends first takes the other with it; what is in hand is finished.
          await Promise.all([reading.finally(stop), this.work(queue, end.signal).finally(stop)]);
        } finally {
          this.isReading = false;
          signal.removeEventListener('abort', stop);
        }
      },
      broken: (error) => log.warn('reading broke off; beginning anew', { consumer, error: String(error) }),
    });
  }

  private async startPosition(): Promise<number> {
    const { bus, database, log } = this.shell;
    const { consumer, stream } = this.handler;
    const position = await positionOf(database.db, this.handler);
    if (!(await isStreamAnother(bus, database.db, this.handler))) {
      const gap = await expiredBehind(bus, this.handler, position);
      if (gap)
        log.error('messages expired unread, if any of these were its own', { consumer, stream, ...gap });
      return position;
    }
    log.error('the stream lost what had been handled; reading it from its beginning', {
      consumer,
      stream,
      position,
    });
    await resetPosition(database.db, this.handler);
    return 0;
  }

  private async work(queue: BatchQueue, signal: AbortSignal): Promise<void> {
    const { messagesMax, everyMs } = this.handler;
    for (let next = 0; ; ) {
      const messages = await queue.take(messagesMax, next);
      if (messages.length === 0 || signal.aborted) return;
      const begunAt = performance.now();
      await this.settle(messages);
      next = begunAt + everyMs();
      if (this.signal.aborted) return;
      await this.prove();
    }
  }

  /** Handles messages together; where that fails, one at a time, so that the one that is at fault can be set aside. */
  private async settle(messages: readonly JsMsg[]): Promise<void> {
    const raws = messages.map((message) => rawOf(message, 1));
    // Read for those alone that are parked.
    const headersOf = ({ sequence }: RawMessage) => {
      const message = messages.find(({ info }) => info.streamSequence === sequence);
      return message ? headersOfMessage(message) : {};
    };
    if (await this.isTakenWhole({ raws, headersOf })) return;
    for (const raw of raws) {
      await this.settleOne({ raws: [raw], headersOf });
      if (this.signal.aborted) return;
    }
  }

  private async isTakenWhole(batch: Batch): Promise<boolean> {
    const { consumer } = this.handler;
    if (!this.isProven) {
      const begun = await this.throughOutages(() =>
        beginSuspect(this.shell.database.db, consumer, wholeBatch),
      );
      if (begun === undefined) return true;
      if (begun > deathsMax) return false;
    }
    if (batch.raws.length === 1) return false;
    try {
      await this.throughOutages(() => this.handleBatch(batch));
      return true;
    } catch (thrown) {
      const { code, internal, message } = asPlatformError(thrown);
      this.shell.log.warn(`batch failed, taking its messages one by one: ${message}`, {
        consumer,
        code,
        internal,
      });
      return false;
    }
  }

  private async settleOne(batch: Batch): Promise<void> {
    const [raw] = batch.raws;
    if (!raw) return;
    for (let attempt = 1; !this.signal.aborted; attempt++) {
      try {
        await this.handleAlone({ ...batch, raws: [{ ...raw, attempt }] });
        return;
      } catch (thrown) {
        const error = asPlatformError(thrown);
        const verdict = verdictOn(error, attempt);
        const { consumer } = this.handler;
        const fields = { consumer, id: identityOf(raw), subject: raw.subject, attempt, code: error.code };
        const text = verdict.kind === 'park' ? 'message parked' : 'handling failed';
        this.shell.log.warn(`${text}: ${error.message}`, { ...fields, internal: error.internal });
        if (verdict.kind === 'again') {
          await pause(verdict.delayMs, this.signal);
          continue;
        }
        await this.throughOutages(() => this.parkAlone(batch, raw, attempt, error));
        return;
      }
    }
  }

  private async handleAlone(batch: Batch): Promise<void> {
    const { db } = this.shell.database;
    const { consumer } = this.handler;
    const [raw] = batch.raws;
    const isSuspect = !this.isProven && raw !== undefined;
    if (isSuspect) {
      const begun = await this.throughOutages(() => beginSuspect(db, consumer, identityOf(raw)));
      if (begun === undefined) return;
      if (begun > deathsMax) throw processDied(begun - 1);
    }
    try {
      // Once noted, however often it is tried through an outage.
      await this.throughOutages(() => this.handleBatch(batch));
    } finally {
      if (isSuspect) await endSuspect(db, consumer, identityOf(raw)).catch(() => {});
    }
  }

  private async handleBatch({ raws, headersOf }: Batch): Promise<void> {
    const { shell, handler } = this;
    const startedAt = performance.now();
    const handled = await traced(handler.consumer, raws.length === 1 ? raws[0] : undefined, () =>
      handleMessages(shell, handler, raws, headersOf),
    );
    shell.wake();
    shell.log.debug('batch handled', {
      consumer: handler.consumer,
      messages: handled,
      upTo: raws.at(-1)?.sequence,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
    });
  }

  private async prove(): Promise<void> {
    if (this.isProven) return;
    this.isProven = true;
    await endSuspect(this.shell.database.db, this.handler.consumer, wholeBatch).catch(() => {});
  }

  private parkAlone(batch: Batch, raw: RawMessage, attempts: number, error: PlatformError): Promise<void> {
    const { shell, handler } = this;
    return transact(shell.database.db, async (tx) => {
      if ((await lockPosition(tx, handler)) >= raw.sequence) return;
      const headers = batch.headersOf(raw);
      await park(shell, tx, { consumer: handler.consumer, message: raw, headers, attempts, error });
      await movePosition(tx, handler, raw);
      await endSuspect(tx, handler.consumer, identityOf(raw));
    }).then(() => shell.wake());
  }

  /** Waits for PostgreSQL with the work in hand. Undefined when stopped meanwhile. */
  private async throughOutages<T>(work: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await work();
      } catch (thrown) {
        if (!isTransient(thrown)) throw thrown;
        await pause(outageRetryMs, this.signal);
        if (this.signal.aborted) return undefined;
      }
    }
  }
}

/** Stands for the first batch after a start, in the table of suspects. */
const wholeBatch = 'first batch after a start';

/** One transaction: those not handled yet are handled, and the position moves behind them. Returns how many. */
async function handleMessages(
  shell: Shell,
  handler: BatchHandler,
  messages: readonly RawMessage[],
  headersOf: (message: RawMessage) => Record<string, string>,
): Promise<number> {
  const prepared = await handler.prepare(messages);
  return transact(shell.database.db, async (tx) => {
    const position = await lockPosition(tx, handler);
    const fresh = messages.filter(({ sequence }) => sequence > position);
    const last = fresh.at(-1);
    if (!last) return 0;
    await callBatchHandler(shell, handler, { tx, messages: fresh, prepared, headersOf });
    await movePosition(tx, handler, last);
    return fresh.length;
  });
}

/** The handler's own part of the transaction. */
export async function callBatchHandler(
  shell: Shell,
  handler: BatchHandler,
  call: {
    tx: Tx;
    messages: readonly RawMessage[];
    prepared: unknown;
    headersOf: (message: RawMessage) => Record<string, string>;
  },
): Promise<void> {
  const { tx, messages, prepared, headersOf } = call;
  const { consumer } = handler;
  await handler.handle({
    messages,
    prepared: prepared as never,
    tx,
    emitFor: (cause) => emitterOf(shell, tx, cause),
    park: (message, error) =>
      park(shell, tx, { consumer, message, headers: headersOf(message), attempts: message.attempt, error }),
  } satisfies BatchCall<never>);
}
