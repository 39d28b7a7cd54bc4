import type { JsMsg } from '@nats-io/jetstream';
import type { Bus } from './bus.js';
import { addEphemeral, lastSequence, type Start } from './ephemeral-consumer.js';
import type { RawMessage } from './messages.js';
import { type GetArtifact, rawOf, withBody } from './raw-message.js';
import { keepReading, streamMessages } from './reading.js';

export interface FollowOptions {
  readonly stream: string;
  readonly filter: string;
  /** Only what comes; all that is kept; or the last of each subject and what comes. */
  readonly from: 'new' | 'all' | 'last-per-subject';
  /** In stream order, one at a time. What it throws goes to `onError`, and the next message follows. */
  readonly onMessage: (message: RawMessage) => void | Promise<void>;
  /** Once, when everything that was there at the beginning has been given to `onMessage`. */
  readonly onCaughtUp?: () => void;
  readonly signal: AbortSignal;
  readonly onError?: (error: unknown) => void;
  /** For events whose body is an artifact. */
  readonly getArtifact?: GetArtifact;
}

const prefetch = 256;

/**
 * Follows a stream without leaving anything on the server: for processes that keep no state. Survives restarts of the
 * bus and goes on behind the last message seen; begins anew when the stream itself was made anew.
 */
export function follow(bus: Bus, options: FollowOptions): void {
  const { stream, filter, signal } = options;
  const onError = options.onError ?? (() => {});
  let seen: number | undefined;
  let isCaughtUp = false;
  const caughtUp = () => {
    if (isCaughtUp) return;
    isCaughtUp = true;
    options.onCaughtUp?.();
  };
  const start = async (): Promise<Start> => {
    const last = await lastSequence(bus, stream);
    if (seen !== undefined && seen <= last) return { after: seen };
    if (options.from === 'last-per-subject') return 'last-per-subject';
    // What came since the first look is new too, also when the link broke before any of it was seen.
    if (options.from === 'new' && seen === undefined) seen = last;
    return { after: options.from === 'new' && seen === last ? last : 0 };
  };
  const take = async (message: JsMsg) => {
    const raw = rawOf(message, 1);
    try {
      await options.onMessage(await withBody(raw, options.getArtifact));
    } catch (error) {
      onError(error);
    }
    seen = raw.sequence;
    if (message.info.pending === 0) caughtUp();
  };
  void keepReading(bus, {
    signal,
    open: async () => addEphemeral(bus, { stream, filter, start: await start(), name: 'follow' }),
    read: async (info, sessionSignal) => {
      if (info.num_pending === 0) caughtUp();
      await streamMessages(bus, info, { prefetch, signal: sessionSignal, take });
    },
    broken: onError,
  });
}
