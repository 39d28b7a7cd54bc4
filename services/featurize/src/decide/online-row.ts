import { limits, PlatformError, parseEventTime } from '@perennial/kernel';
import { evaluateExpression, type Feature, parseExpression, type System, sizeOf } from '@perennial/spec';

export type FeatureValue = number | string | null | readonly number[];

/** A row that somebody asks about, with everything that is known without looking anything up. */
export interface AskedRow {
  readonly eventTimeMs: number;
  readonly row: Readonly<Record<string, unknown>>;
  readonly key: Readonly<Record<string, number | string | boolean | null>>;
  /** Values by feature; windows and lookups that the client did not send are absent. */
  readonly features: Readonly<Record<string, FeatureValue>>;
  readonly provided: readonly string[];
}

/**
 * Reads a row. What the client sends under a feature's name wins; expressions are computed from the row. Without an
 * event time the row is taken as just after the newest data of its source: `nextMs`.
 *
 * @throws PlatformError EVENT_TIME_INVALID or FEATURE_VALUE_INVALID, naming the row and the field
 */
export function readAskedRow(
  { source, features }: System,
  row: Readonly<Record<string, unknown>>,
  { index, nextMs }: { index: number; nextMs: number },
): AskedRow {
  const sent = Object.hasOwn(row, source.time) ? row[source.time] : undefined;
  const field = `rows[${index}].${source.time}`;
  const eventTimeMs = sent === undefined || sent === null ? nextMs : eventTimeOf(sent, field);
  const timed = { ...row, [source.time]: new Date(eventTimeMs) };
  const values: Record<string, FeatureValue> = {};
  const provided: string[] = [];
  for (const feature of features) {
    if (Object.hasOwn(row, feature.name)) {
      const field = `rows[${index}].${feature.name}`;
      const size = sizeOf(feature);
      const value = row[feature.name];
      values[feature.name] = size === undefined ? checked(value, field) : checkedList(value, { field, size });
      provided.push(feature.name);
    } else if (feature.kind !== 'window' && feature.kind !== 'lookup') {
      values[feature.name] = computed(feature, timed, index);
    }
  }
  const key = Object.fromEntries(
    source.key.map((column) => [column, keyValue(Object.hasOwn(row, column) ? row[column] : null)]),
  );
  return { eventTimeMs, row, key, features: values, provided };
}

/** The years 1 to 9999: what ISO 8601 and protobuf can say. */
const eventTimeMsMin = -62_135_596_800_000;
const eventTimeMsMax = 253_402_300_799_999;

function eventTimeOf(value: unknown, field: string): number {
  const time = parseEventTime(value, field);
  if (time >= eventTimeMsMin && time <= eventTimeMsMax) return time;
  throw new PlatformError(
    'EVENT_TIME_INVALID',
    'caller',
    'never',
    `${field}: ${time} lies outside the years 1 to 9999`,
    {
      field,
    },
  );
}

function computed(
  feature: Exclude<Feature, { kind: 'window' | 'lookup' }>,
  row: Readonly<Record<string, unknown>>,
  index: number,
): FeatureValue {
  if (feature.kind === 'column') {
    const value = Object.hasOwn(row, feature.column) ? row[feature.column] : null;
    return checked(value, `rows[${index}].${feature.column}`);
  }
  if (feature.kind === 'embedding') {
    const value = Object.hasOwn(row, feature.column) ? row[feature.column] : null;
    return checkedList(value, { field: `rows[${index}].${feature.column}`, size: feature.size });
  }
  return plain(evaluateExpression(expressionOf(feature.expr), row));
}

/** A list of exactly `size` finite numbers, or null. */
function checkedList(value: unknown, { field, size }: { field: string; size: number }): FeatureValue {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value) && value.length === size && value.every(Number.isFinite)) return value;
  throw new PlatformError(
    'FEATURE_VALUE_INVALID',
    'caller',
    'never',
    `${field}: send a list of ${size} finite numbers, or null`,
    { field },
  );
}

/** Expressions are parsed once: reading one takes longer than computing it. */
const expressions = new Map<string, ReturnType<typeof parseExpression>>();
const expressionsKept = 5_000;

function expressionOf(text: string): ReturnType<typeof parseExpression> {
  const known = expressions.get(text);
  if (known) return known;
  const expression = parseExpression(text, 'expr');
  if (expressions.size >= expressionsKept) expressions.clear();
  expressions.set(text, expression);
  return expression;
}

function checked(value: unknown, field: string): FeatureValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean')
    return plain(value);
  throw new PlatformError(
    'FEATURE_VALUE_INVALID',
    'caller',
    'never',
    `${field}: send a number, a text, true, false or null`,
    { field },
  );
}

/** Booleans are numbers to a model, and what is no number is missing. */
function plain(value: number | string | boolean | null): number | string | null {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' && !Number.isFinite(value) ? null : value;
}

function keyValue(value: unknown): number | string | boolean | null {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  return null;
}

/** @throws PlatformError ROWS_TOO_MANY */
export function checkRowCount(count: number): void {
  if (count <= limits.predictRowsMax) return;
  throw new PlatformError(
    'ROWS_TOO_MANY',
    'caller',
    'never',
    `rows: ${count} were sent; at most ${limits.predictRowsMax} are taken at once`,
    { field: 'rows' },
  );
}
