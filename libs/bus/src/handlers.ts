import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { EventKind } from '@perennial/contracts';
import type { Tx } from '@perennial/db';
import type { PlatformError } from '@perennial/kernel';
import type { Cause, Emitter } from './emitter.js';
import type { RawMessage, ReceivedEvent } from './messages.js';
import type { StreamName } from './streams.js';

/**
 * How a consumer is fed. `fast`: many short messages. `heavy`: one at a time and process, shared by replicas.
 * `control`: strictly one after the other over all replicas, in stream order.
 */
export type Pace = 'fast' | 'heavy' | 'control';

interface HandlerCall<Body, Prepared> {
  readonly event: ReceivedEvent<Body>;
  readonly prepared: Prepared;
  readonly tx: Tx;
  /** Tells an event with this one as its cause, when the transaction commits. */
  readonly emit: Emitter;
}

export interface EventHandlerOptions<D extends DescMessage, P> {
  /** Name of the durable consumer; unique on the whole bus, so it begins with the service's name. */
  readonly consumer: string;
  readonly event: EventKind<D>;
  readonly pace: Pace;
  /** Effects before the transaction; repeated with it, so they must be harmless to repeat. */
  readonly prepare?: (event: ReceivedEvent<MessageShape<D>>) => Promise<P>;
  readonly handle: (call: HandlerCall<MessageShape<D>, P>) => Promise<void>;
}

export interface EventHandler {
  readonly kind: 'event';
  readonly consumer: string;
  readonly event: EventKind;
  readonly pace: Pace;
  readonly prepare: (event: ReceivedEvent<never>) => Promise<unknown>;
  readonly handle: (call: HandlerCall<never, never>) => Promise<void>;
}

export interface BatchCall<P> {
  /** In stream order; at least one. */
  readonly messages: readonly RawMessage[];
  readonly prepared: P;
  readonly tx: Tx;
  readonly emitFor: (cause?: Cause) => Emitter;
  /** Sets one message aside as a dead letter, in this transaction; the others go on. */
  readonly park: (message: RawMessage, error: PlatformError) => Promise<void>;
}

export interface BatchHandlerOptions<P> {
  /** Name of the consumer; unique on the whole bus. */
  readonly consumer: string;
  readonly stream: Exclude<StreamName, 'COMMAND' | 'ADVISORY'>;
  /** A subject with wildcards, from the builders of contracts. */
  readonly filter: string;
  readonly messagesMax?: number;
  /**
   * Milliseconds between the beginnings of two batches; a message that comes after a longer pause never waits. A function
   * is asked after each batch: a consumer that passes everything by may look less often.
   */
  readonly everyMs?: number | (() => number);
  readonly prepare?: (messages: readonly RawMessage[]) => Promise<P>;
  readonly handle: (call: BatchCall<P>) => Promise<void>;
}

export interface BatchHandler {
  readonly kind: 'batch';
  readonly consumer: string;
  readonly stream: StreamName;
  readonly filter: string;
  readonly messagesMax: number;
  readonly everyMs: () => number;
  readonly prepare: (messages: readonly RawMessage[]) => Promise<unknown>;
  readonly handle: (call: BatchCall<never>) => Promise<void>;
}

export type Handler = EventHandler | BatchHandler;

/** The claim of one batch on memory and on the length of a transaction. */
const messagesMaxDefault = 256;

/** A handler of one kind of event. Each event reaches it once: inbox, work and outbox are one transaction. */
export function handler<D extends DescMessage, P = undefined>(options: EventHandlerOptions<D, P>): Handler {
  const { consumer, event, pace, prepare, handle } = options;
  return {
    kind: 'event',
    consumer,
    event: event as EventKind,
    pace,
    prepare: (prepare ?? nothingToPrepare) as EventHandler['prepare'],
    handle: handle as EventHandler['handle'],
  };
}

/**
 * A handler of many small messages: one transaction for a batch, one batch at a time, in stream order. The position in
 * the stream is kept in that transaction, so that a message is handled once even if the process or the bus dies. The
 * same content published twice is two messages: the handler dedupes by its own ids. Messages come as they were
 * published: rows are no events, so no header of theirs may make us read an artifact, and a log records events whose
 * artifact is gone.
 */
export function batchHandler<P = undefined>(options: BatchHandlerOptions<P>): Handler {
  const { consumer, stream, filter, prepare, handle, everyMs = 0 } = options;
  return {
    kind: 'batch',
    consumer,
    stream,
    filter,
    messagesMax: options.messagesMax ?? messagesMaxDefault,
    everyMs: typeof everyMs === 'number' ? () => everyMs : everyMs,
    prepare: prepare ?? nothingToPrepare,
    handle: handle as BatchHandler['handle'],
  };
}

async function nothingToPrepare(): Promise<undefined> {}
