import { createReadStream } from 'node:fs';
import type { JsonObject } from '@bufbuild/protobuf';
import { CsvReader, type CsvRecord, csvSeparator, invalid } from '@perennial/kernel';
import { addedColumns, type BatchRow, checkColumns, rowOfCells } from '../decide/batch-lines.js';
import { parseBounded } from '../protocol/json-structure.js';
import { requestLimits } from './limits.js';

export const batchFormats = ['csv', 'jsonl'] as const;
export type BatchFormat = (typeof batchFormats)[number];

/** What every row of a file has in common. */
export interface BatchHead {
  /** Of CSV: the columns; of JSON lines none. */
  readonly columns: readonly string[];
  readonly separator: string;
}

/** Told once, before the first row. */
type OnHead = (head: BatchHead) => void;

/**
 * Goes through a file that was just sent: what would be wrong with it as a whole is said while its sender listens.
 *
 * @throws PlatformError BATCH_COLUMNS_INVALID, BATCH_EMPTY, BATCH_TOO_LARGE, CSV_MALFORMED
 */
export async function countRows(path: string, format: BatchFormat): Promise<number> {
  let count = 0;
  for await (const _row of readBatch(path, format, new Set(), () => {})) {
    count += 1;
    if (count > requestLimits.batchRowsMax) {
      throw invalid(
        'BATCH_TOO_LARGE',
        `the file has more than ${requestLimits.batchRowsMax} rows; send it in parts`,
        { field: 'body' },
      );
    }
  }
  if (count === 0) throw invalid('BATCH_EMPTY', 'there are no rows in the file', { field: 'body' });
  return count;
}

/** The rows of a file in their order; one that cannot be read says why and does not end the reading. */
export function readBatch(
  path: string,
  format: BatchFormat,
  textColumns: ReadonlySet<string>,
  onHead: OnHead,
): AsyncGenerator<BatchRow> {
  return format === 'csv' ? readCsv(path, textColumns, onHead) : readJsonLines(path, onHead);
}

async function* readCsv(
  path: string,
  textColumns: ReadonlySet<string>,
  onHead: OnHead,
): AsyncGenerator<BatchRow> {
  let reader: CsvReader | undefined;
  let columns: string[] | undefined;
  const rowsOf = function* (records: Iterable<CsvRecord>, separator: string): Generator<BatchRow> {
    for (const record of records) {
      if (columns) yield csvRow(record, columns, textColumns);
      else {
        columns = record.cells.map((name) => name.trim());
        checkColumns(columns);
        onHead({ columns, separator });
      }
    }
  };
  let separator = ',';
  for await (const text of textsOf(path)) {
    if (!reader) {
      separator = csvSeparator(text.slice(0, text.indexOf('\n') >>> 0));
      reader = new CsvReader(separator);
    }
    yield* rowsOf(reader.add(text), separator);
  }
  if (reader) yield* rowsOf(reader.end(), separator);
}

function csvRow(record: CsvRecord, columns: readonly string[], texts: ReadonlySet<string>): BatchRow {
  const { line, cells, quoted } = record;
  const kept = cells.map((cell, at) => (cell === '' && !quoted[at] ? null : cell));
  if (cells.length === columns.length)
    return { line, row: rowOfCells(columns, cells, quoted, texts), error: undefined, cells: kept };
  const error = `CSV_MALFORMED: line ${line} has ${cells.length} cells where the header names ${columns.length} columns`;
  return { line, row: undefined, error, cells: kept };
}

async function* readJsonLines(path: string, onHead: OnHead): AsyncGenerator<BatchRow> {
  onHead({ columns: [], separator: ',' });
  for await (const { text, line } of linesOf(path)) if (text.trim() !== '') yield jsonRow(text, line);
}

function jsonRow(text: string, line: number): BatchRow {
  const wrong = (message: string): BatchRow => ({
    line,
    row: undefined,
    error: `ROW_MALFORMED: line ${line} ${message}`,
    cells: [],
  });
  let row: unknown;
  try {
    row = parseBounded(text);
  } catch (cause) {
    return wrong(`is no JSON: ${(cause as Error).message}`);
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return wrong('is no object of columns');
  const reserved = addedColumns.find((name) => name in (row as object));
  if (reserved !== undefined) return wrong(`has the column "${reserved}", which the result adds; rename it`);
  return { line, row: row as JsonObject, error: undefined, cells: [] };
}

async function* linesOf(path: string): AsyncGenerator<{ text: string; line: number }> {
  let line = 0;
  let rest = '';
  for await (const text of textsOf(path)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > requestLimits.batchRowBytesMax) {
      throw invalid(
        'BATCH_TOO_LARGE',
        `line ${line + lines.length + 1} has more than ${requestLimits.batchRowBytesMax} characters; one line is one row`,
        { field: 'body' },
      );
    }
    for (const one of lines) yield { text: one, line: ++line };
  }
  if (rest !== '') yield { text: rest, line: line + 1 };
}

/** The text of a file in pieces, without a byte order mark. */
async function* textsOf(path: string): AsyncGenerator<string> {
  let isFirst = true;
  for await (const piece of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 })) {
    const text = piece as string;
    yield isFirst && text.startsWith('\ufeff') ? text.slice(1) : text;
    isFirst = false;
  }
}
