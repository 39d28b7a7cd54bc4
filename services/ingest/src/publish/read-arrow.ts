import { createReadStream } from 'node:fs';
import { asPlatformError, invalid, limits, PlatformError } from '@perennial/kernel';
import { type DataType, type Field, RecordBatchReader, type Schema, Type, type Vector } from 'apache-arrow';
import { readRow } from '../decide/arriving-row.js';
import { attempt, type FileItem, type FileItems, type FileReading } from './read-rows.js';

/**
 * An Arrow IPC stream, one batch at a time. Times become ISO 8601 text, with `Z` where the type says that they are
 * instants; nested values JSON text; integers beyond 2^53 are refused with their row.
 *
 * @throws PlatformError ARROW_UNREADABLE
 */
export async function* readArrow(path: string, reading: FileReading): FileItems {
  let ordinal = 0;
  try {
    const reader = await RecordBatchReader.from(createReadStream(path));
    await reader.open();
    checkTypes(reader.schema);
    for await (const batch of reader) {
      const { numRows } = batch;
      const columns = batch.schema.fields.map((field, i) => columnOf(field, batch.getChildAt(i)));
      for (let from = 0; from < numRows; from += limits.segmentRowsMax) {
        const items: FileItem[] = [];
        for (let at = from; at < Math.min(numRows, from + limits.segmentRowsMax); at++) {
          const position = ordinal++;
          const item = attempt(`row ${position + 1}`, columns.length * 8, () => {
            const row = Object.fromEntries(columns.map(({ name, cell }) => [name, cell(at)]));
            return readRow(row, reading.idOf(position, 0, row), reading);
          });
          items.push(item);
        }
        yield items;
      }
    }
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw invalid('ARROW_UNREADABLE', `the body is no readable Arrow IPC stream after row ${ordinal}`, {
      cause: asPlatformError(error),
    });
  }
}

interface Column {
  readonly name: string;
  cell(at: number): unknown;
}

/** @throws PlatformError ARROW_UNREADABLE for types that no row of JSON can spell */
function checkTypes({ fields }: Schema): void {
  for (const { name, type } of fields) {
    const id = valueType(type).typeId;
    if (id !== Type.Binary && id !== Type.FixedSizeBinary && id !== Type.LargeBinary) continue;
    throw invalid('ARROW_UNREADABLE', `${name}: binary cells are not taken; send text or numbers`, {
      field: name,
    });
  }
}

/** Of dictionaries, what they stand for. */
function valueType(type: DataType): DataType {
  return type.typeId === Type.Dictionary ? (type as unknown as { dictionary: DataType }).dictionary : type;
}

function columnOf({ name, type }: Field, vector: Vector | null): Column {
  const read = readerOf(valueType(type), name);
  return {
    name,
    cell: (at) => {
      const value: unknown = vector?.get(at);
      return value === null || value === undefined ? null : read(value);
    },
  };
}

function readerOf(type: DataType, name: string): (value: unknown) => unknown {
  switch (type.typeId) {
    case Type.Timestamp: {
      const isInstant = Boolean((type as unknown as { timezone?: string | null }).timezone);
      return (value) => isoOf(value as number, name).slice(0, isInstant ? undefined : -1);
    }
    case Type.Date:
      return (value) => isoOf(Number(value), name).slice(0, 10);
    case Type.Decimal:
      return (value) => decimalOf(value, type as unknown as { scale: number });
    case Type.Int:
    case Type.Float:
    case Type.Bool:
    case Type.Utf8:
    case Type.LargeUtf8:
      return (value) => plainOf(value, name);
    default:
      return (value) => JSON.parse(JSON.stringify(value, (_key, inner) => plainOf(inner, name))) as unknown;
  }
}

function isoOf(ms: number, name: string): string {
  const time = new Date(ms);
  if (Number.isNaN(time.getTime())) throw invalid('ROW_NUMBER', `${name}: no such time`, { field: name });
  return time.toISOString();
}

/** 128 bits as words of 32, least first. */
function decimalOf(value: unknown, { scale }: { scale: number }): number {
  const words = [...(value as Uint32Array)];
  const whole = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  return Number(BigInt.asIntN(words.length * 32, whole)) / 10 ** scale;
}

function plainOf(value: unknown, name: string): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  if (typeof value !== 'bigint') return value;
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw invalid('ROW_NUMBER', `${name}: ${value} is more than a number holds exactly; send it as a text`, {
    field: name,
  });
}
