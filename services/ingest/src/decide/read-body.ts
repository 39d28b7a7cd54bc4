import { asPlatformError, invalid } from '@perennial/kernel';
import { type ArrivingRow, checkRowBytes, type RefusedRow, readRow } from './arriving-row.js';

export interface BodyRead {
  readonly rows: readonly ArrivingRow[];
  readonly refused: readonly RefusedRow[];
}

/**
 * Reads a body: one JSON object, a JSON array of objects, or JSON lines. `idOf` names the row at an ordinal (from 0)
 * from its position and content. A bad row is refused alone; its neighbours are taken.
 */
export function readBody(
  text: string,
  {
    timeColumn,
    idOf,
  }: { timeColumn: string; idOf: (ordinal: number, count: number, row: unknown) => string },
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
      refused.push({ ordinal, error: asPlatformError(error) });
    }
  }
  return { rows, refused };
}

interface Item {
  readonly value?: unknown;
  readonly error?: unknown;
  readonly bytes: number;
}

function itemsOf(text: string): Item[] {
  const whole = parsed(text);
  if (!whole.error) {
    if (!Array.isArray(whole.value)) return [whole];
    return whole.value.map((value) => ({ value, bytes: Buffer.byteLength(JSON.stringify(value)) }));
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.length > 1 ? lines.map(parsed) : [whole];
}

function parsed(text: string): Item {
  const bytes = Buffer.byteLength(text);
  try {
    return { value: JSON.parse(text), bytes };
  } catch (error) {
    return {
      error: invalid('ROW_MALFORMED', `not JSON: ${(error as Error).message}`, { cause: error }),
      bytes,
    };
  }
}
