import { parseArrivalSubject } from '@perennial/contracts';
import type { Delivery } from '../producers/store.js';
import type { ArrivingRow } from './arriving-row.js';
import type { Arrival } from './segments-of-batch.js';

interface Has {
  has(row: ArrivingRow): boolean;
}

/** What one message brought. */
export type Counts = Omit<Delivery, 'way' | 'messages'> | undefined;

/** Counts what became of the rows of one message. */
export function countsOf(
  {
    subject,
    bytes,
    rows,
    refused,
  }: { subject: string; bytes: number; rows: readonly Arrival[]; refused: number },
  { isLate, isDuplicate, isRefused }: { isLate: Has; isDuplicate: Has; isRefused: Has },
): Counts {
  const sender = parseArrivalSubject(subject);
  if (!sender) return undefined;
  const count = (is: Has) => rows.filter(({ row }) => is.has(row)).length;
  const taken = rows.filter(({ row }) => !isDuplicate.has(row) && !isRefused.has(row));
  return {
    source: sender.source,
    kind: sender.arrival,
    producer: sender.producer,
    rows: taken.length,
    duplicates: count(isDuplicate),
    refused: refused + count(isRefused),
    late: count(isLate),
    bytes,
    eventTimeMax: newestOf(taken.map(({ row }) => row.eventTime)),
  };
}

function newestOf(times: readonly number[]): number | undefined {
  return times.length ? times.reduce((a, b) => Math.max(a, b)) : undefined;
}

/** One for each producer, in an order that is the same everywhere: two transactions then never wait for each other. */
export function deliveriesOf(counts: readonly Counts[]): Delivery[] {
  const sums = new Map<string, Delivery>();
  for (const one of counts) {
    if (!one) continue;
    const key = `${one.source}/${one.kind}/${one.producer}`;
    const sum = sums.get(key);
    const newest = [one.eventTimeMax, sum?.eventTimeMax].filter((time) => time !== undefined);
    sums.set(key, {
      ...one,
      way: 'bus',
      messages: 1 + (sum?.messages ?? 0),
      rows: one.rows + (sum?.rows ?? 0),
      duplicates: one.duplicates + (sum?.duplicates ?? 0),
      refused: one.refused + (sum?.refused ?? 0),
      late: one.late + (sum?.late ?? 0),
      bytes: one.bytes + (sum?.bytes ?? 0),
      eventTimeMax: newestOf(newest),
    });
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, delivery]) => delivery);
}
