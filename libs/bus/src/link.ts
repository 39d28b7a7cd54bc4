import type { NatsConnection } from '@nats-io/transport-node';

/** Whether the connection stands. */
export interface Link {
  isConnected(): boolean;
  /** Calls `changed` at each loss and return of the connection; the result ends that. */
  onLinkChange(changed: () => void): () => void;
}

export function linkOf(connection: NatsConnection): Link {
  let isConnected = true;
  const listeners = new Set<() => void>();
  const set = (state: boolean) => {
    isConnected = state;
    for (const listener of [...listeners]) listener();
  };
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' || type === 'close') set(false);
      if (type === 'reconnect') set(true);
    }
    set(false);
  })();
  return {
    isConnected: () => isConnected,
    onLinkChange: (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  };
}

/** Waits until the connection stands, or the signal aborts. */
export function untilConnected(link: Link, signal: AbortSignal): Promise<void> {
  if (link.isConnected() || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = link.onLinkChange(() => {
      if (link.isConnected()) done();
    });
    const done = () => {
      end();
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
  });
}
