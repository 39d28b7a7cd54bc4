import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { FeatureInput } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Tensor, TensorSpec } from '@perennial/runtime';

/** Between rows of plain values and the `[N,1]` tensors that models take and give. */

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
  // 1e999 is JSON, and no number.
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === null || value === undefined) return Number.NaN;
  throw featureError(value, name, at, 'a finite number, or null where it is missing');
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
      throw invalid(
        'INPUT_SHAPE',
        `input '${name}' must hold one element for each of the ${count} rows, shape [${count},1]`,
        { field: name },
      );
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

/** The model's first output, one number for each row: the prediction, or the positive class's probability. */
export function valuesOf(outputs: readonly Tensor[]): number[] {
  const data = outputs[0]?.data ?? [];
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

/** What the model takes, as the runtime checks it. */
export function specsOf(inputs: readonly FeatureInput[]): TensorSpec[] {
  return inputs.map(({ name, datatype }) => ({
    name,
    datatype: datatype === 'BYTES' ? 'BYTES' : 'FP64',
    shape: [-1, 1],
  }));
}

function featureError(value: JsonValue, name: string, at: number, wanted: string) {
  return invalid(
    'FEATURE_INVALID',
    `rows[${at}].${name} must be ${wanted}, got ${(typeof value === 'number' ? String(value) : JSON.stringify(value)).slice(0, 60)}`,
    { field: `rows[${at}].${name}` },
  );
}
