import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import type { Watch } from '../anomalies/watch.js';
import type { JudgedRow } from '../schema/value.js';

/** Follows few rows, which lie in event-time order. */
export function watchRows(watch: Watch, rows: readonly JudgedRow[]): void {
  const times = Float64Array.from(rows, ({ eventTime }) => eventTime);
  const values = watch.columns.map((column) =>
    Float64Array.from(rows, ({ values }) => {
      const value = values[column];
      return typeof value === 'number' ? value : Number.NaN;
    }),
  );
  watch.add(times, values, rows.length);
}

/** Follows the rows of a file that satisfy `where`; they are sorted only where they do not lie in order. */
export async function watchFile(
  watch: Watch,
  tables: Tables,
  { path, where, columns }: { path: string; where: string; columns: ReadonlyMap<string, string> },
): Promise<void> {
  const from = `from read_parquet(${quoteText(path)}) where ${where}`;
  const order = (await isSorted(tables, from)) ? '' : 'order by _p_event_time, _p_row_id';
  const cells = watch.columns.map((name) =>
    columns.get(name) === 'number' ? quoteIdentifier(name) : 'null::double',
  );
  const select = ['epoch_ms(_p_event_time)::double', ...cells].join(', ');
  await tables.numbers(`select ${select} ${from} ${order}`, ([times, ...values], count) => {
    if (times) watch.add(times, values, count);
  });
}

async function isSorted(tables: Tables, from: string): Promise<boolean> {
  let [last, isInOrder] = [Number.NEGATIVE_INFINITY, true];
  await tables.numbers(`select epoch_ms(_p_event_time)::double ${from}`, ([times], count) => {
    for (let i = 0; times && isInOrder && i < count; i++) {
      const time = times[i] as number;
      if (time < last) isInOrder = false;
      last = time;
    }
  });
  return isInOrder;
}
