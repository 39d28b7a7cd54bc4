import { readFile } from 'node:fs/promises';
import { asPlatformError, CsvReader, type CsvRecord, csvSeparator, invalid, limits } from '@perennial/kernel';
import { type ArrivingRow, checkRowBytes, type RowReading, readRow } from '../decide/arriving-row.js';
import { ColumnCounts, headerOf, rowOfRecord } from '../decide/csv-columns.js';
import { ArrayItems } from '../decide/json/array-items.js';
import { type BodyRead, parseItem, type RowNaming, readBody, readEvent } from '../decide/read-body.js';
import { linesOf, textPiecesOf } from './text.js';

/** What a file holds, row by row, in its order; `bytes` are of its text. */
export type FileItem = { readonly where: string } & (
  | { readonly row: ArrivingRow; readonly bytes: number }
  | { readonly error: ReturnType<typeof asPlatformError> }
);

/** Items as they are read, several at once: to await each would cost more than to read it. */
export type FileItems = AsyncIterable<readonly FileItem[]>;

export interface FileReading extends RowReading {
  /** Names the row at an ordinal of the file, from 0. */
  readonly idOf: RowNaming;
}

/** A JSON file: an array of any length, or one row. @throws PlatformError FILE_TOO_LARGE, ROW_TOO_LARGE, ROW_MALFORMED */
export async function* readJson(path: string, bytes: number, reading: FileReading): FileItems {
  if (!(await isArray(path))) {
    yield itemsOfBody(await readWhole(path, bytes, reading), bytes);
    return;
  }
  let ordinal = 0;
  for await (const items of arrayItemsOf(path)) {
    yield items.map(({ where, text }) => {
      const position = ordinal++;
      return attempt(where, text.length, () => {
        const value = parseItem(text);
        return readRow(value, reading.idOf(position, 0, value), reading);
      });
    });
  }
}

/** The data of one CloudEvent; it lies in memory. @throws PlatformError FILE_TOO_LARGE, BODY_MALFORMED */
export async function* readEventData(path: string, bytes: number, reading: FileReading): FileItems {
  yield itemsOfBody(await readWhole(path, bytes, reading), bytes);
}

/** CloudEvents in structured form: one, or an array of any length. @throws PlatformError FILE_TOO_LARGE, ROW_TOO_LARGE */
export async function* readCloudEvents(
  path: string,
  bytes: number,
  { reading, isBatch }: { reading: RowReading; isBatch: boolean },
): FileItems {
  if (!isBatch) {
    const text = await readText(path, bytes);
    yield itemsOfBody(readEvent({ where: 'event 1', text }, reading), bytes);
    return;
  }
  let event = 0;
  for await (const items of arrayItemsOf(path)) {
    yield items.flatMap(({ text }) => {
      const read = readEvent({ where: `event ${++event}`, text }, reading);
      return itemsOfBody(read, text.length, `event ${event}`);
    });
  }
}

/** JSON lines; empty lines are no rows. @throws PlatformError ROW_TOO_LARGE */
export async function* readJsonLines(path: string, reading: FileReading): FileItems {
  let ordinal = 0;
  for await (const lines of linesOf(path)) {
    const items: FileItem[] = [];
    for (const { text, line } of lines) {
      if (text !== undefined && text.trim() === '') continue;
      const position = ordinal++;
      const where = `line ${line}`;
      const item = attempt(where, text?.length ?? 0, () => {
        if (text === undefined) throw invalid('ROW_MALFORMED', 'not JSON: the bytes are no UTF-8');
        const value = parseItem(text);
        return readRow(value, reading.idOf(position, 0, value), reading);
      });
      items.push(item);
    }
    yield items;
  }
}

/** CSV with a header line: once to see what the columns hold, once to read them. @throws PlatformError CSV_HEADER, CSV_MALFORMED */
export async function* readCsv(path: string, reading: FileReading): FileItems {
  let header: readonly string[] | undefined;
  let counts = new ColumnCounts(0);
  for await (const records of recordsOf(path)) {
    for (const record of records) {
      if (header) counts.add(record);
      else {
        header = headerOf(record);
        counts = new ColumnCounts(header.length);
      }
    }
  }
  const names = header ?? headerOf(undefined);
  const types = counts.types();
  let ordinal = -1;
  for await (const records of recordsOf(path)) {
    const items: FileItem[] = [];
    for (const record of records) {
      if (++ordinal === 0) continue;
      const position = ordinal - 1;
      const bytes = record.cells.reduce((sum, cell) => sum + cell.length + 1, 0);
      const item = attempt(`line ${record.line}`, bytes, () => {
        checkRowBytes(bytes);
        const row = rowOfRecord(record, names, types);
        return readRow(row, reading.idOf(position, 0, row), reading);
      });
      items.push(item);
    }
    yield items;
  }
}

/** What `read` gives, or why it gave nothing. */
export function attempt(where: string, bytes: number, read: () => ArrivingRow): FileItem {
  try {
    return { where, row: read(), bytes };
  } catch (error) {
    return { where, error: asPlatformError(error) };
  }
}

function itemsOfBody({ rows, refused }: BodyRead, bytes: number, where = 'the body'): FileItem[] {
  const share = Math.ceil(bytes / Math.max(1, rows.length));
  return [...refused, ...rows.map((row) => ({ where, row, bytes: share }))];
}

async function readWhole(path: string, bytes: number, reading: FileReading): Promise<BodyRead> {
  return readBody(await readText(path, bytes), reading, reading.idOf);
}

async function readText(path: string, bytes: number): Promise<string> {
  if (bytes > limits.httpBodyBytesMax) {
    throw invalid(
      'FILE_TOO_LARGE',
      `one row or event has at most ${limits.httpBodyBytesMax} bytes; send more as an array, JSON lines, CSV, Parquet or Arrow`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    throw invalid('BODY_MALFORMED', 'the body is no text in UTF-8; save it in that encoding', { cause });
  }
}

async function isArray(path: string): Promise<boolean> {
  for await (const text of textPiecesOf(path)) {
    const start = text.trimStart();
    if (start !== '') return start.startsWith('[');
  }
  return false;
}

async function* arrayItemsOf(path: string) {
  const array = new ArrayItems(limits.httpBodyBytesMax);
  for await (const text of textPiecesOf(path)) yield [...array.add(text)];
  array.end();
}

async function* recordsOf(path: string): AsyncGenerator<readonly CsvRecord[]> {
  let reader: CsvReader | undefined;
  for await (const text of textPiecesOf(path)) {
    if (text === '') continue;
    reader ??= new CsvReader(csvSeparator(text.slice(0, text.indexOf('\n') >>> 0)));
    yield [...reader.add(text)];
  }
  if (reader) yield [...reader.end()];
}
