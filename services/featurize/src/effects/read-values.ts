import type { Tables } from '@perennial/tables';
import { byKeyOf, type NeededSeries } from '../decide/series.js';
import { keptSql } from '../sql/kept-sql.js';
import { columnsOfFiles, type FileColumns, placedSql } from '../sql/segment-sql.js';
import type { KeptValue } from '../window-store.js';

/** A segment as a local file, and where it stands among the others. */
export interface SegmentFile {
  readonly path: string;
  readonly place: string;
}

/**
 * What a series wants to keep of some segments: values from `fromUs` on, and of each group as many before that as a
 * window counts. `columns` may be given where they are known.
 */
export async function readValues(
  tables: Tables,
  series: NeededSeries,
  { files, fromUs, columns }: { files: readonly SegmentFile[]; fromUs: number; columns?: FileColumns },
): Promise<KeptValue[]> {
  if (files.length === 0) return [];
  const paths = files.map(({ path }) => path);
  const known = columns ?? (await columnsOfFiles(tables, paths));
  const rows = await tables.rows(wantedSql(series, keptSql(series, placedSql(paths, known), known), fromUs));
  return rows.map((row) => ({
    byKey: byKeyOf(series.by, Object.fromEntries(series.by.map((name, index) => [name, row[`g${index}`]]))),
    eventUs: Number(row['us']),
    rowKey: String(row['row_key']),
    position: `${files[Number(row['file'])]?.place}/${String(row['line']).padStart(9, '0')}`,
    number: row['num'] === null ? null : Number(row['num']),
    text: typeof row['val'] === 'string' ? row['val'] : null,
  }));
}

function wantedSql({ by, lastCount }: NeededSeries, values: string, fromUs: number): string {
  const bound = `us >= ${Math.round(fromUs)}`;
  // As an integer, microseconds of years far from now would be refused by whoever reads them as a number.
  const cells = '* replace (us::double as us)';
  if (lastCount === 0) return `select ${cells} from (${values}) as v where v.${bound}`;
  const group = [...by.map((_, index) => `g${index}`), `v.${bound}`].join(', ');
  return (
    `select ${cells} from (${values}) as v qualify v.${bound} or ` +
    `row_number() over (partition by ${group} order by v.us desc, row_key desc) <= ${lastCount}`
  );
}
