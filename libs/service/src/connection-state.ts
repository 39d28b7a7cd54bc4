import type { Bus } from '@perennial/bus';
import type { Database } from '@perennial/db';

/** How old an answer of Postgres may be for a readiness probe, and how long one may take. */
const freshMs = 500;
const pingTimeoutMs = 2_000;

/** Whether the bus is connected at this moment, by the events of the connection. */
export function watchBus(bus: Bus): () => boolean {
  let isConnected = !bus.connection.isClosed();
  void (async () => {
    for await (const { type } of bus.connection.status()) {
      if (type === 'disconnect' || type === 'staleConnection' || type === 'close') isConnected = false;
      if (type === 'reconnect') isConnected = true;
    }
    isConnected = false;
  })();
  return () => isConnected;
}

/** Whether Postgres answers; probes that come together share one question. */
export function watchDatabase(database: Database): () => Promise<boolean> {
  let asked: { at: number; answer: Promise<boolean> } | undefined;
  return () => {
    if (!asked || performance.now() - asked.at > freshMs) {
      asked = { at: performance.now(), answer: ping(database) };
    }
    return asked.answer;
  };
}

async function ping({ pool }: Database): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, pingTimeoutMs, false);
  });
  const answered = pool.query('select 1').then(
    () => true,
    () => false,
  );
  return Promise.race([answered, late]).finally(() => clearTimeout(timer));
}
