import { DeliverPolicy } from '@nats-io/jetstream';
import type { Bus } from '@perennial/bus';
import { parseArrivalSubject, readPredictions } from '@perennial/contracts';
import { type ErasureKey, holdsKey } from './key.js';

/** Messages asked for at once. */
const batchMax = 256;
const expiresMs = 2_000;

interface Purge {
  readonly tenant: string;
  readonly source: string;
  readonly key: ErasureKey;
  readonly isDryRun: boolean;
}

/**
 * Deletes messages with rows of the key from the streams on which rows arrive and predictions are told, and overwrites them
 * on their disk. They have been taken: what else they carry is in segments and tables. Predictions say by the column alone
 * whose they are: of one source only, they stay for as long as the stream keeps them.
 *
 * @returns how many of each stream
 */
export async function purgeMessages(bus: PurgedBus, purge: Purge): Promise<Purged> {
  const { tenant, source, key, isDryRun } = purge;
  const arrivals = await purgeStream(bus, 'ROWS', isDryRun, ({ subject, data }) => {
    const arrival = parseArrivalSubject(subject);
    const isMeant = arrival?.tenant === tenant && (source === '' || arrival.source === source);
    return isMeant && rowsHold(data, key);
  });
  if (source !== '') return { ROWS: arrivals, PREDICTION: 0 };
  const predictions = await purgeStream(bus, 'PREDICTION', isDryRun, ({ subject, data }) => {
    const isOurs = subject.split('.')[1] === tenant;
    return isOurs && readPredictions(data).predictions.some(({ rows }) => holdsKey(rows, key));
  });
  return { ROWS: arrivals, PREDICTION: predictions };
}

export type Purged = Readonly<Record<'ROWS' | 'PREDICTION', number>>;
type PurgedBus = Pick<Bus, 'js' | 'jsm'>;

async function purgeStream(
  { js, jsm }: PurgedBus,
  stream: keyof Purged,
  isDryRun: boolean,
  isMeant: (message: { subject: string; data: Uint8Array }) => boolean,
): Promise<number> {
  const { last_seq: last, messages } = (await jsm.streams.info(stream)).state;
  const consumer = await js.consumers.get(stream, { deliver_policy: DeliverPolicy.All });
  const found: number[] = [];
  for (let isThrough = messages === 0; !isThrough; ) {
    let count = 0;
    for await (const message of await consumer.fetch({ max_messages: batchMax, expires: expiresMs })) {
      count++;
      if (isMeant(message)) found.push(message.seq);
      if (message.seq < last && message.info.pending > 0) continue;
      isThrough = true;
      break;
    }
    if (count === 0) isThrough = true;
  }
  if (!isDryRun) for (const sequence of found) await jsm.streams.deleteMessage(stream, sequence, true);
  return found.length;
}

/** One object, an array or JSON lines; what cannot be read holds nothing that could be told apart. */
export function rowsHold(data: Uint8Array, key: ErasureKey): boolean {
  const text = Buffer.from(data).toString('utf8');
  if (!text.includes(key.column)) return false;
  return [text, ...text.split('\n')].some((part) => {
    try {
      return holdsKey(JSON.parse(part), key);
    } catch {
      return false;
    }
  });
}
