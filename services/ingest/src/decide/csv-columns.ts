import { type CsvRecord, invalid, isCsvBoolean, isCsvNumber } from '@perennial/kernel';
import { type Cell, checkCase, checkColumnName } from './arriving-row.js';
import type { CellType } from './group-rows.js';

/** A column is of numbers where at most this share of its cells is none; those few rows keep their text and are told apart. */
const oddShareMax = 0.01;

/** @throws PlatformError CSV_HEADER, ROW_COLUMN_NAME */
export function headerOf(record: CsvRecord | undefined): readonly string[] {
  if (!record) throw invalid('CSV_HEADER', 'the file is empty; its first line must name the columns');
  const names = record.cells.map((name) => name.trim());
  for (const name of names) checkColumnName(name);
  checkCase(names);
  return names;
}

/** Counts what the cells of each column could be. */
export class ColumnCounts {
  readonly #counts: { filled: number; numbers: number; booleans: number }[];

  constructor(columns: number) {
    this.#counts = Array.from({ length: columns }, () => ({ filled: 0, numbers: 0, booleans: 0 }));
  }

  add({ cells, quoted }: CsvRecord): void {
    for (const [i, count] of this.#counts.entries()) {
      const cell = cells[i];
      if (cell === undefined || (cell === '' && !quoted[i])) continue;
      count.filled++;
      if (quoted[i]) continue;
      if (isCsvNumber(cell)) count.numbers++;
      else if (isCsvBoolean(cell)) count.booleans++;
    }
  }

  types(): CellType[] {
    return this.#counts.map(({ filled, numbers, booleans }) => {
      const enough = filled * (1 - oddShareMax);
      if (filled > 0 && numbers >= enough) return 'DOUBLE';
      return filled > 0 && booleans >= enough ? 'BOOLEAN' : 'VARCHAR';
    });
  }
}

/** One record as the row that JSON would have spelled. @throws PlatformError CSV_MALFORMED */
export function rowOfRecord(
  { cells, quoted }: CsvRecord,
  header: readonly string[],
  types: readonly CellType[],
): Record<string, Cell> {
  if (cells.length !== header.length) {
    throw invalid('CSV_MALFORMED', `${cells.length} cells where the header names ${header.length} columns`);
  }
  return Object.fromEntries(
    header.map((name, i) => [name, cellOf(cells[i] ?? '', types[i], quoted[i] ?? false)] as const),
  );
}

function cellOf(text: string, type: CellType | undefined, isQuoted: boolean): Cell {
  if (text === '' && !isQuoted) return null;
  if (type === 'DOUBLE' && !isQuoted && isCsvNumber(text)) return Number(text);
  if (type === 'BOOLEAN' && !isQuoted && isCsvBoolean(text)) return text.toLowerCase() === 'true';
  return text;
}
