import { limits, uuidv5 } from '@perennial/kernel';
import type { ArrivingRow } from './arriving-row.js';
import { type Column, groupRows } from './group-rows.js';

/** A row as it came over the bus or in a small body. */
export interface Arrival {
  readonly source: string;
  readonly kind: 'rows' | 'labels';
  readonly producer: string;
  /** Of the bus message, 0 where there was none. */
  readonly sequence: number;
  readonly row: ArrivingRow;
  /** Why it is to be held back whatever it holds; empty: it is judged. */
  readonly hold: string;
}

/** Rows that become one segment. */
export interface SegmentDraft {
  readonly segmentId: string;
  readonly source: string;
  readonly kind: 'rows' | 'labels';
  readonly producer: string;
  readonly columns: readonly Column[];
  readonly rows: readonly ArrivingRow[];
  readonly sequenceFirst: number;
  readonly sequenceLast: number;
  readonly hold: string;
}

/**
 * One segment for each source, kind, producer, shape and verdict on lateness of the batch, of rows not taken before; a row id that comes
 * twice in the batch is kept once. The segment's id follows from its rows' ids: the same batch gives the same ids.
 */
export function segmentsOfBatch(
  arrivals: readonly Arrival[],
  isTaken: (arrival: Arrival) => boolean,
): { drafts: SegmentDraft[]; duplicates: Arrival[] } {
  const fresh = new Map<string, Arrival[]>();
  const seen = new Set<string>();
  const duplicates: Arrival[] = [];
  for (const arrival of arrivals) {
    const { source, kind, producer, row, hold } = arrival;
    const key = JSON.stringify([source, kind, row.rowId]);
    if (seen.has(key) || isTaken(arrival)) {
      duplicates.push(arrival);
      continue;
    }
    seen.add(key);
    const sender = JSON.stringify([source, kind, producer, hold]);
    const group = fresh.get(sender);
    if (group) group.push(arrival);
    else fresh.set(sender, [arrival]);
  }
  return { drafts: [...fresh.values()].flatMap(draftsOf), duplicates };
}

function draftsOf(arrivals: readonly Arrival[]): SegmentDraft[] {
  const [first] = arrivals;
  if (!first) return [];
  const { source, kind, producer, hold } = first;
  const sequences = new Map(arrivals.map((arrival) => [arrival.row, arrival.sequence]));
  const groups = groupRows(arrivals.map((arrival) => arrival.row));
  return groups.flatMap(({ columns, rows: all }) =>
    slices(all, limits.segmentRowsMax).map((rows) => {
      const numbers = rows.map((row) => sequences.get(row) ?? 0);
      return {
        segmentId: uuidv5('segment', source, kind, ...rows.map((row) => row.rowId)),
        source,
        kind,
        producer,
        columns,
        rows,
        hold,
        sequenceFirst: numbers.reduce((a, b) => Math.min(a, b)),
        sequenceLast: numbers.reduce((a, b) => Math.max(a, b)),
      };
    }),
  );
}

function slices<T>(items: readonly T[], size: number): (readonly T[])[] {
  if (items.length <= size) return [items];
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
