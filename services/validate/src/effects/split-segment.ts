import { quoteText, type Tables } from '@perennial/tables';

/** Rows in a row group of the files we write: a whole segment, so that small reads touch one. */
const rowGroupRows = 122_880;

/** Writes the rows of `path` that satisfy `where` to `target`, in their order, with replaced columns if any. */
export async function copyWhere(
  tables: Tables,
  { path, where, target, replace }: { path: string; where: string; target: string; replace?: string },
): Promise<void> {
  const columns = replace ? `* replace (${replace})` : '*';
  await tables.run(
    `copy (select ${columns} from read_parquet(${quoteText(path)}) where ${where})
     to ${quoteText(target)} (format parquet, compression zstd, row_group_size ${rowGroupRows})`,
  );
}

/** Condition that is true for these rows of a small segment. */
export function rowsById(rowIds: readonly string[]): string {
  return rowIds.length ? `_p_row_id in (${rowIds.map(quoteText).join(', ')})` : 'false';
}
