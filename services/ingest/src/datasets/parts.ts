import type { DatasetFile, Segment } from './store.js';

/** Rows of one file, `rows` of them from the ordinal `firstRow` on. */
export interface Part {
  readonly digest: string;
  readonly firstRow: number;
  readonly rows: number;
  /** It is all that the file has. */
  readonly isWhole: boolean;
}

/** What to read for these segments, in their order: neighbours that lie side by side in a file are read at once. */
export function partsOf(
  segments: readonly Pick<Segment, 'digest' | 'firstRow' | 'rows'>[],
  files: ReadonlyMap<string, Pick<DatasetFile, 'rows'>>,
): Part[] {
  const parts: { digest: string; firstRow: number; rows: number }[] = [];
  for (const { digest, firstRow, rows } of segments) {
    if (rows === 0) continue;
    const last = parts.at(-1);
    if (last && last.digest === digest && last.firstRow + last.rows === firstRow) last.rows += rows;
    else parts.push({ digest, firstRow, rows });
  }
  return parts.map((part) => ({
    ...part,
    isWhole: part.firstRow === 0 && part.rows === files.get(part.digest)?.rows,
  }));
}
