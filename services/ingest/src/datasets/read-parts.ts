import { quoteText } from '@perennial/tables';
import type { Part } from './parts.js';

/** A query for the rows of these parts, in their order; columns that only some have are null in the others. */
export function rowsOfParts(parts: readonly Part[], pathOf: ReadonlyMap<string, string>): string {
  const runs: { paths: string[]; range?: Part }[] = [];
  for (const part of parts) {
    const path = pathOf.get(part.digest) ?? '';
    const last = runs.at(-1);
    if (!part.isWhole) runs.push({ paths: [path], range: part });
    else if (last && !last.range) last.paths.push(path);
    else runs.push({ paths: [path] });
  }
  return runs.map(selectOf).join('\nunion all by name\n');
}

function selectOf({ paths, range }: { paths: readonly string[]; range?: Part }): string {
  const list = paths.map(quoteText).join(', ');
  if (!range) return `select * from read_parquet([${list}], union_by_name = true)`;
  const { firstRow, rows } = range;
  return `select * exclude (file_row_number) from read_parquet(${list}, file_row_number = true)
    where file_row_number >= ${firstRow} and file_row_number < ${firstRow + rows}`;
}
