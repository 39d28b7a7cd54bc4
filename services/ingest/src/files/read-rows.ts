import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { asPlatformError, CsvReader, type CsvRecord, csvSeparator, invalid, limits } from '@perennial/kernel';
import { type ArrivingRow, checkRowBytes, type RefusedRow, readRow } from '../decide/arriving-row.js';
import { ColumnCounts, headerOf, rowOfRecord } from '../decide/csv-columns.js';
import { parseItem, type RowNaming, readBody } from '../decide/read-body.js';

/** What a file holds, row by row; sizes are of the text. */
export type FileItem = { row: ArrivingRow; bytes: number } | { refused: RefusedRow };

export interface Reading {
  readonly timeColumn: string;
  /** Names the row at an ordinal of the file, from 0. */
  readonly idOf: RowNaming;
}

/** A JSON file: one object or one array, held in memory. @throws PlatformError FILE_TOO_LARGE */
export async function* readJson(path: string, bytes: number, reading: Reading): AsyncGenerator<FileItem> {
  if (bytes > limits.httpBodyBytesMax) {
    throw invalid(
      'FILE_TOO_LARGE',
      `a JSON body has at most ${limits.httpBodyBytesMax} bytes; send more as JSON lines, CSV or Parquet`,
    );
  }
  const { rows, refused } = readBody(await readFile(path, 'utf8'), reading);
  for (const one of refused) yield { refused: one };
  for (const row of rows) yield { row, bytes: Math.ceil(bytes / rows.length) };
}

/** JSON lines; empty lines are no rows. */
export async function* readJsonLines(path: string, reading: Reading): AsyncGenerator<FileItem> {
  let ordinal = 0;
  for await (const { text, line } of linesOf(path)) {
    if (text.trim() === '') continue;
    const where = `line ${line}`;
    const item = parseItem(text, where);
    const position = ordinal++;
    yield attempt(where, item.bytes, () => {
      if (item.error) throw item.error;
      checkRowBytes(item.bytes);
      return readRow(item.value, reading.idOf(position, 0, item.value), reading.timeColumn);
    });
  }
}

/** CSV with a header line: once to see what the columns hold, once to read them. @throws PlatformError CSV_HEADER, CSV_MALFORMED */
export async function* readCsv(path: string, reading: Reading): AsyncGenerator<FileItem> {
  let header: readonly string[] | undefined;
  let counts = new ColumnCounts(0);
  for await (const record of recordsOf(path)) {
    if (header) counts.add(record);
    else {
      header = headerOf(record);
      counts = new ColumnCounts(header.length);
    }
  }
  const names = header ?? headerOf(undefined);
  const types = counts.types();
  let ordinal = -1;
  for await (const record of recordsOf(path)) {
    if (++ordinal === 0) continue;
    const position = ordinal - 1;
    const bytes = record.cells.reduce((sum, cell) => sum + cell.length + 1, 0);
    yield attempt(`line ${record.line}`, bytes, () => {
      checkRowBytes(bytes);
      const row = rowOfRecord(record, names, types);
      return readRow(row, reading.idOf(position, 0, row), reading.timeColumn);
    });
  }
}

function attempt(where: string, bytes: number, read: () => ArrivingRow): FileItem {
  try {
    return { row: read(), bytes };
  } catch (error) {
    return { refused: { where, error: asPlatformError(error) } };
  }
}

/** Lines of a file, numbered from 1, without their ends. */
async function* linesOf(path: string): AsyncGenerator<{ text: string; line: number }> {
  let line = 0;
  let rest = '';
  for await (const text of textsOf(path)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > limits.httpBodyBytesMax) {
      throw invalid('ROW_TOO_LARGE', `line ${line + lines.length + 1} does not end; one line is one row`);
    }
    for (const one of lines) yield { text: one, line: ++line };
  }
  if (rest !== '') yield { text: rest, line: line + 1 };
}

async function* recordsOf(path: string): AsyncGenerator<CsvRecord> {
  let reader: CsvReader | undefined;
  for await (const text of textsOf(path)) {
    reader ??= new CsvReader(csvSeparator(text.slice(0, text.indexOf('\n') >>> 0)));
    yield* reader.add(text);
  }
  if (reader) yield* reader.end();
}

/** The text of a file in pieces, without a byte order mark. */
async function* textsOf(path: string): AsyncGenerator<string> {
  let isFirst = true;
  for await (const text of createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 18 })) {
    const piece = text as string;
    yield isFirst && piece.startsWith('\ufeff') ? piece.slice(1) : piece;
    isFirst = false;
  }
}
