import { createReadStream } from 'node:fs';
import { asPlatformError, invalid, PlatformError } from '@perennial/kernel';
import {
  type Data,
  type DataType,
  type Field,
  type RecordBatch,
  RecordBatchReader,
  type Schema,
  Type,
  type Vector,
} from 'apache-arrow';

/** Why a body or one of its rows is refused, as it travels between threads. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly field: string | undefined;
}

/** The columns of one row by name, or why it cannot be read. */
export type ArrowRow = { readonly values: Record<string, unknown> } | { readonly refusal: Refusal };

/** A refusal takes some hundred bytes, and a batch may be refused whole. */
const rowsAtOnce = 4_096;

/**
 * The rows of an Arrow IPC stream, one batch in memory at a time. Times become ISO 8601 text, with `Z` where the type says
 * that they are instants; integers beyond 2^53 are refused with their row.
 *
 * @throws PlatformError ARROW_UNREADABLE, ROW_EVENT_TIME where no column is the event time
 */
export async function* arrowRows(path: string, timeColumn: string): AsyncGenerator<ArrowRow[]> {
  try {
    const reader = await RecordBatchReader.from(createReadStream(path));
    await reader.open();
    checkTypes(reader.schema);
    for await (const batch of reader) {
      const { numRows } = batch;
      checkRows(batch, timeColumn);
      const columns = batch.schema.fields.map((field, i) => columnOf(field, batch.getChildAt(i)));
      for (let from = 0; from < numRows; from += rowsAtOnce) {
        const count = Math.min(rowsAtOnce, numRows - from);
        yield Array.from({ length: count }, (_, i) => rowOf(columns, from + i));
      }
    }
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    const message = 'the body is no readable Arrow IPC stream to its end';
    throw invalid('ARROW_UNREADABLE', message, { cause: asPlatformError(error) });
  }
}

function rowOf(columns: readonly Column[], at: number): ArrowRow {
  try {
    return { values: Object.fromEntries(columns.map(({ name, cell }) => [name, cell(at)])) };
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}

export function refusalOf(error: unknown): Refusal {
  const { code, message, field } = asPlatformError(error);
  return { code, message, field };
}

/**
 * A batch says how many rows it has, and nothing else does where its columns hold fewer: each would be a refusal.
 *
 * @throws PlatformError ROW_EVENT_TIME, ARROW_UNREADABLE
 */
function checkRows(batch: RecordBatch, timeColumn: string): void {
  const time = batch.getChild(timeColumn);
  if (!time) {
    const names = batch.schema.fields.map(({ name }) => name).join(', ');
    throw invalid('ROW_EVENT_TIME', `the body has no column ${timeColumn}, the event time; it has ${names}`, {
      field: timeColumn,
    });
  }
  const held = time.data.reduce((sum, data) => sum + rowsHeld(data), 0);
  if (batch.numRows <= held) return;
  throw invalid(
    'ARROW_UNREADABLE',
    `a batch says that it has ${batch.numRows} rows, and ${timeColumn} holds ${held}`,
  );
}

/** How many rows the buffers of a column have room for. */
function rowsHeld({ typeId, valueOffsets, values, stride, length }: Data): number {
  if (typeId === Type.Null) return 0;
  if (valueOffsets) return Math.max(0, valueOffsets.length - 1);
  if (!values) return length;
  return typeId === Type.Bool ? values.byteLength * 8 : Math.floor(values.length / Math.max(1, stride));
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
  const cell = (at: number) => {
    try {
      const value: unknown = vector?.get(at);
      return value === null || value === undefined ? null : read(value);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      // A time beyond all times, an index beyond its dictionary.
      throw invalid('ROW_MALFORMED', `${name}: the cell holds nothing that can be read`, {
        field: name,
        cause,
      });
    }
  };
  return { name, cell };
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
