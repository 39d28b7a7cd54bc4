import { asPlatformError, invalid } from '@perennial/kernel';
import { type ArrivingRow, checkRowBytes, type RefusedRow, readRow } from './arriving-row.js';

export interface BodyRead {
  readonly rows: readonly ArrivingRow[];
  readonly refused: readonly RefusedRow[];
}

/** Names the row at `ordinal` (from 0) of `count` rows by its position and content. */
export type RowNaming = (ordinal: number, count: number, row: unknown) => string;

/**
 * Reads a body: one JSON object, a JSON array of objects, or JSON lines. A bad row is refused alone; its neighbours
 * are taken.
 */
export function readBody(
  text: string,
  { timeColumn, idOf }: { timeColumn: string; idOf: RowNaming },
): BodyRead {
  const items = itemsOf(text);
  const rows: ArrivingRow[] = [];
  const refused: RefusedRow[] = [];
  for (const [ordinal, item] of items.entries()) {
    try {
      if (item.error) throw item.error;
      checkRowBytes(item.bytes);
      rows.push(readRow(item.value, idOf(ordinal, items.length, item.value), timeColumn));
    } catch (error) {
      refused.push({ where: item.where, error: asPlatformError(error) });
    }
  }
  return { rows, refused };
}

interface Item {
  readonly where: string;
  readonly value?: unknown;
  readonly error?: unknown;
  readonly bytes: number;
}

function itemsOf(text: string): Item[] {
  const whole = parseItem(text, 'row 1');
  if (!whole.error) {
    if (!Array.isArray(whole.value)) return [whole];
    return whole.value.map((value, i) => ({
      where: `row ${i + 1}`,
      value,
      bytes: Buffer.byteLength(JSON.stringify(value)),
    }));
  }
  const lines = text.split('\n').map((line, i) => ({ line: line.trim(), where: `line ${i + 1}` }));
  const full = lines.filter(({ line }) => line !== '');
  return full.length > 1 ? full.map(({ line, where }) => parseItem(line, where)) : [whole];
}

/** Parses one row's JSON text; the error is kept beside it. */
export function parseItem(text: string, where: string): Item {
  const bytes = Buffer.byteLength(text);
  try {
    return { where, value: JSON.parse(text), bytes };
  } catch (error) {
    const what = text.trim() === '' ? 'nothing' : (error as Error).message;
    return { where, error: invalid('ROW_MALFORMED', `not JSON: ${what}`, { cause: error }), bytes };
  }
}
