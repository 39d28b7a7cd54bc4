import { DeliverPolicy } from '@nats-io/jetstream';
import type { Bus } from '@perennial/bus';
import { parseArrivalSubject } from '@perennial/contracts';
import { type ErasureKey, holdsKey } from './key.js';

/** Messages asked for at once. */
const batchMax = 256;
const expiresMs = 2_000;

/**
 * Deletes messages with rows of the key from the stream on which rows arrive, and overwrites them on its disk. They have
 * been taken: their other rows are in segments.
 *
 * @returns how many
 */
export async function purgeArrivals(
  { js, jsm }: Pick<Bus, 'js' | 'jsm'>,
  { tenant, source, key, isDryRun }: { tenant: string; source: string; key: ErasureKey; isDryRun: boolean },
): Promise<number> {
  const last = (await jsm.streams.info('ROWS')).state.last_seq;
  const consumer = await js.consumers.get('ROWS', {
    deliver_policy: DeliverPolicy.All,
  });
  const found: number[] = [];
  for (let isThrough = last === 0; !isThrough; ) {
    let count = 0;
    for await (const message of await consumer.fetch({ max_messages: batchMax, expires: expiresMs })) {
      count++;
      const arrival = parseArrivalSubject(message.subject);
      const isMeant = arrival?.tenant === tenant && (source === '' || arrival.source === source);
      if (isMeant && rowsHold(message.data, key)) found.push(message.seq);
      if (message.seq < last && message.info.pending > 0) continue;
      isThrough = true;
      break;
    }
    if (count === 0) isThrough = true;
  }
  if (!isDryRun) for (const sequence of found) await jsm.streams.deleteMessage('ROWS', sequence, true);
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
