import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { FeatureInput } from '@perennial/contracts';
import { invalid, limits } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';

/**
 * The rows of a predict body: `{"rows":[{…}, …]}`, or one row `{…}`.
 *
 * @throws PlatformError PREDICT_ROWS_INVALID
 */
export function rowsOfBody(body: unknown): JsonObject[] {
  if (!isObject(body)) throw wrong('body', 'must be a JSON object: one row, or {"rows":[…]}');
  const rows = Array.isArray(body['rows']) ? body['rows'] : [body];
  if (rows.length === 0) throw wrong('rows', 'must hold at least one row');
  if (rows.length > limits.predictRowsMax) {
    throw wrong(
      'rows',
      `holds ${rows.length} rows, at most ${limits.predictRowsMax} are taken; send more requests, or use /v2 with tensors`,
    );
  }
  rows.forEach((row, at) => {
    if (!isObject(row)) throw wrong(`rows[${at}]`, 'must be an object of columns');
  });
  return rows as JsonObject[];
}

/** Names of model inputs that at least one row does not bring itself. */
export function absentInputs(inputs: readonly FeatureInput[], rows: readonly JsonObject[]): string[] {
  return inputs.filter(({ name }) => rows.some((row) => row[name] === undefined)).map(({ name }) => name);
}

/**
 * The model's inputs, one `[N,1]` column for each feature: numbers as FP64, where null is NaN (missing); texts as
 * BYTES, where null is the empty text.
 *
 * @throws PlatformError FEATURE_INVALID, naming row and feature
 */
export function columnsOf(inputs: readonly FeatureInput[], rows: readonly JsonObject[]): Tensor[] {
  return inputs.map(({ name, datatype }) => {
    const shape = [rows.length, 1];
    if (datatype === 'BYTES') {
      return {
        name,
        datatype: 'BYTES',
        shape,
        data: rows.map((row, at) => textOf(row[name], name, at)),
      };
    }
    const data = new Float64Array(rows.length);
    rows.forEach((row, at) => {
      data[at] = numberOf(row[name], name, at);
    });
    return { name, datatype: 'FP64', shape, data };
  });
}

function numberOf(value: JsonValue | undefined, name: string, at: number): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === null || value === undefined) return Number.NaN;
  throw featureError(value, name, at, 'a number, or null where it is missing');
}

function textOf(value: JsonValue | undefined, name: string, at: number): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return '';
  throw featureError(value, name, at, 'a text, or null where it is missing');
}

/** The reverse of columnsOf: rows of plain values out of `[N,1]` tensors. */
export function rowsOfColumns(tensors: readonly Tensor[], count: number): JsonObject[] {
  const rows: JsonObject[] = Array.from({ length: count }, () => ({}));
  for (const { name, datatype, data } of tensors) {
    if (data.length !== count)
      throw wrong(name, `must hold one element for each of the ${count} rows, shape [${count},1]`);
    rows.forEach((row, at) => {
      row[name] = jsonOf(data[at] as number | bigint | string, datatype === 'BOOL');
    });
  }
  return rows;
}

function jsonOf(value: number | bigint | string, isBoolean: boolean): JsonValue {
  if (typeof value === 'string') return value;
  if (isBoolean) return value !== 0;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function featureError(value: JsonValue, name: string, at: number, wanted: string) {
  return invalid(
    'FEATURE_INVALID',
    `rows[${at}].${name} must be ${wanted}, got ${JSON.stringify(value).slice(0, 60)}`,
    { field: `rows[${at}].${name}` },
  );
}

function wrong(field: string, message: string) {
  return invalid('PREDICT_ROWS_INVALID', `${field} ${message}`, { field });
}
