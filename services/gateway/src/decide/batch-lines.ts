import type { JsonObject } from '@bufbuild/protobuf';
import { csvLine, invalid, isCsvBoolean, isCsvNumber } from '@perennial/kernel';

/** Rows of a batch between the file that was sent and the file that is given back. */

/** One row of the file. `row` is undefined where it cannot be read; `error` says why. */
export interface BatchRow {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly row: JsonObject | undefined;
  readonly error: string | undefined;
  /** Of CSV: the cells as they stood; null where there was nothing. */
  readonly cells: readonly (string | null)[];
}

/** What became of a row. */
export interface RowAnswer {
  readonly predictionId?: string;
  readonly prediction?: number;
  readonly label?: string | undefined;
  readonly version?: number;
  /** `CODE: message`; then there is nothing else. */
  readonly error?: string;
}

/** What a result has beside the columns of the file. */
export const addedColumns = [
  'prediction',
  'prediction_label',
  'model_version',
  'prediction_id',
  'prediction_error',
] as const;

/** @throws PlatformError BATCH_COLUMNS_INVALID */
export function checkColumns(names: readonly string[]): void {
  const reserved = names.find((name) => (addedColumns as readonly string[]).includes(name));
  if (reserved !== undefined) throw wrong(`the column "${reserved}" is one that the result adds; rename it`);
  if (names.some((name) => name === '')) throw wrong('the first line must name every column');
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw wrong(`the column "${twice}" stands there twice`);
}

/** Cells as the values that JSON would have spelled; inputs that are texts stay texts. */
export function rowOfCells(
  names: readonly string[],
  cells: readonly string[],
  quoted: readonly boolean[],
  textColumns: ReadonlySet<string>,
): JsonObject {
  return Object.fromEntries(
    names.map((name, at) => {
      const text = cells[at] as string;
      if (text === '' && !quoted[at]) return [name, null];
      if (quoted[at] || textColumns.has(name)) return [name, text];
      if (isCsvNumber(text)) return [name, Number(text)];
      return [name, isCsvBoolean(text) ? text.toLowerCase() === 'true' : text];
    }),
  );
}

export function csvHeader(names: readonly string[], separator: string): string {
  return csvLine([...names, ...addedColumns], separator);
}

/** One line of a CSV result: the cells as they came, as many as the header names, and what was added. */
export function csvResultLine(
  { cells }: BatchRow,
  { prediction, label, version, predictionId, error }: RowAnswer,
  { columns, separator }: { columns: number; separator: string },
): string {
  const own = Array.from({ length: columns }, (_, at) => cells[at] ?? null);
  const number = prediction === undefined || Number.isNaN(prediction) ? null : prediction;
  return csvLine(
    [...own, number, label ?? null, version ?? null, predictionId ?? null, error ?? null],
    separator,
  );
}

/** One line of a result in JSON lines; a row that could not be read is named by its line. */
export function jsonResultLine({ line, row }: BatchRow, answer: RowAnswer): string {
  const { prediction, label, version, predictionId, error } = answer;
  const own = row ?? { line };
  const added =
    error === undefined
      ? {
          prediction,
          ...(label !== undefined && { prediction_label: label }),
          model_version: version,
          prediction_id: predictionId,
        }
      : { prediction_error: error };
  return `${JSON.stringify({ ...own, ...added })}\n`;
}

function wrong(message: string) {
  return invalid('BATCH_COLUMNS_INVALID', message, { field: 'body' });
}
