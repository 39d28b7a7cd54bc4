import { asPlatformError, type PlatformError } from '@perennial/kernel';
import {
  type ArrivingRow,
  checkRowBytes,
  type RefusedRow,
  type RowReading,
  readRow,
} from './arriving-row.js';
import { readCloudEvent } from './cloud-event.js';
import { itemsOfArray } from './json/array-items.js';
import { parseRow } from './json/parse-row.js';

export interface BodyRead {
  readonly rows: readonly ArrivingRow[];
  readonly refused: readonly RefusedRow[];
}

/** Names the row at `ordinal` (from 0) of `count` rows by its position and content. */
export type RowNaming = (ordinal: number, count: number, row: unknown) => string;

/** JSON text of one row, or of one event. */
export interface Item {
  readonly where: string;
  readonly text: string;
}

/**
 * Reads a body: one JSON object, a JSON array of objects, or JSON lines. A bad row is refused alone; its neighbours
 * are taken.
 */
export function readBody(text: string, reading: RowReading, idOf: RowNaming): BodyRead {
  const rows: ArrivingRow[] = [];
  const refused: RefusedRow[] = [];
  const items = attempt('row 1', () => itemsOf(text));
  if ('error' in items) return { rows, refused: [items] };
  for (const [ordinal, { where, text: row }] of items.value.entries()) {
    const read = attempt(where, () => {
      const value = parseItem(row);
      return readRow(value, idOf(ordinal, items.value.length, value), reading);
    });
    if ('error' in read) refused.push(read);
    else rows.push(read.value);
  }
  return { rows, refused };
}

/** Reads CloudEvents in structured form, one or a JSON array of them; each carries a row, or several. */
export function readEvents(text: string, reading: RowReading): BodyRead {
  const rows: ArrivingRow[] = [];
  const refused: RefusedRow[] = [];
  const items = attempt('event 1', () =>
    text.trimStart().startsWith('[') ? itemsOfArray(text) : [{ where: 'event 1', text }],
  );
  if ('error' in items) return { rows, refused: [items] };
  for (const [index, { text: event }] of items.value.entries()) {
    const read = readEvent({ where: `event ${index + 1}`, text: event }, reading);
    rows.push(...read.rows);
    refused.push(...read.refused);
  }
  return { rows, refused };
}

/** Reads one CloudEvent. */
export function readEvent({ where, text }: Item, reading: RowReading): BodyRead {
  const rows: ArrivingRow[] = [];
  const refused: RefusedRow[] = [];
  const event = attempt(where, () => readCloudEvent(parseRow(text)));
  if ('error' in event) return { rows, refused: [event] };
  const { said, rows: values } = event.value;
  const how = { ...reading, fallbackTime: said.time };
  for (const [ordinal, value] of values.entries()) {
    const isOne = values.length === 1;
    const read = attempt(isOne ? where : `${where}, row ${ordinal + 1}`, () => {
      checkRowBytes(isOne ? Buffer.byteLength(text) : Buffer.byteLength(JSON.stringify(value)));
      return readRow(value, isOne ? said.rowId : `${said.rowId}/${ordinal}`, how);
    });
    if ('error' in read) refused.push(read);
    else rows.push(read.value);
  }
  return { rows, refused };
}

function itemsOf(text: string): readonly Item[] {
  if (text.trimStart().startsWith('[')) return itemsOfArray(text);
  const lines = text.split('\n').map((line, i) => ({ text: line.trim(), where: `line ${i + 1}` }));
  const full = lines.filter((line) => line.text !== '');
  // One object may be spread over lines; then no line is JSON, but all of them together are.
  if (full.length > 1 && !isJson(text)) return full;
  return [{ where: 'row 1', text }];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @throws PlatformError ROW_TOO_LARGE, ROW_MALFORMED, ROW_NUMBER */
export function parseItem(text: string): unknown {
  checkRowBytes(Buffer.byteLength(text));
  return parseRow(text);
}

/** What `read` gives, or the error that it throws, with the place. */
export function attempt<T>(
  where: string,
  read: () => T,
): { readonly value: T } | { readonly where: string; readonly error: PlatformError } {
  try {
    return { value: read() };
  } catch (error) {
    return { where, error: asPlatformError(error) };
  }
}
