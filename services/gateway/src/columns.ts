import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { FeatureInput } from '@perennial/contracts';
import { asPlatformError, invalid } from '@perennial/kernel';
import { isDatatype, readJson, type Tensor, type TensorSpec } from '@perennial/runtime';

/** Between rows of plain values and the tensors that models take and give. */

/**
 * The model's inputs out of rows. Numbers of a `[N,1]` FP64 column may be missing (null is NaN), texts too (null is
 * ''); any other datatype or shape takes exactly what it says, nested as JSON nests it.
 *
 * @throws PlatformError FEATURE_INVALID, naming row and feature; TENSOR_DATA_INVALID
 */
export function columnsOf(inputs: readonly FeatureInput[], rows: readonly JsonObject[]): Tensor[] {
  return specsOf(inputs).map((spec) => {
    const { name, datatype } = spec;
    if (!isColumn(spec)) return stacked(spec, rows);
    const shape = [rows.length, 1];
    if (datatype === 'BYTES') {
      return { name, datatype, shape, data: rows.map((row, at) => textOf(row[name], name, at)) };
    }
    if (datatype !== 'FP64' && datatype !== 'FP32') return stacked(spec, rows);
    const data = datatype === 'FP64' ? new Float64Array(rows.length) : new Float32Array(rows.length);
    rows.forEach((row, at) => {
      data[at] = numberOf(row[name], name, at);
    });
    return { name, datatype, shape, data };
  });
}

function isColumn({ shape }: TensorSpec): boolean {
  return shape.length === 2 && shape[0] === -1 && shape[1] === 1;
}

/** Each row's value is one slice of the tensor, behind its first dimension. */
function stacked({ name, datatype, shape }: TensorSpec, rows: readonly JsonObject[]): Tensor {
  const perRow = shape.slice(1);
  if (shape[0] !== -1 || perRow.some((size) => size < 0)) {
    throw invalid(
      'FEATURE_INVALID',
      `rows cannot hold '${name}' of shape [${shape.join(',')}]; send it as a tensor under /v2`,
      { field: name },
    );
  }
  const data = rows.map((row, at) => {
    const value = row[name];
    if (value === undefined || value === null)
      throw featureError(null, name, at, `there, ${datatype} of shape [${perRow.join(',')}]`);
    return value;
  });
  const read = (values: JsonValue[]) =>
    readJson({ name, datatype, shape: [values.length, ...perRow], data: values });
  try {
    return read(data);
  } catch (thrown) {
    // Who sent rows thinks in rows: the one at fault is named.
    data.forEach((value, at) => {
      try {
        read([value]);
      } catch (cause) {
        const { code, message } = asPlatformError(cause);
        const field = `rows[${at}].${name}`;
        throw invalid(code, `${field} must be ${datatype} of shape [${perRow.join(',')}]: ${message}`, {
          field,
        });
      }
    });
    throw thrown;
  }
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

/**
 * The reverse for a system's `[N,1]` columns: rows of plain values.
 *
 * @throws PlatformError INPUT_SHAPE where one holds more or fewer elements than `count`
 */
export function rowsOfColumns(tensors: readonly Tensor[], count: number, kept = count): JsonObject[] {
  const rows: JsonObject[] = [];
  for (let at = 0; at < kept; at++) rows.push({});
  for (const { name, datatype, data } of tensors) {
    if (data.length !== count)
      throw invalid(
        'INPUT_SHAPE',
        `input '${name}' must hold one element for each of the ${count} rows, shape [${count},1]`,
        { field: name },
      );
    for (let at = 0; at < kept; at++) {
      (rows[at] as JsonObject)[name] = jsonOf(data[at] as number | bigint | string, datatype === 'BOOL');
    }
  }
  return rows;
}

/** What is kept of the rows of any model: plain values of its columns, and of other tensors what they are. */
export function keptColumns(tensors: readonly Tensor[], count: number, kept: number): JsonObject[] {
  // FP16 is kept as its bits.
  const isColumn = ({ data, datatype }: Tensor) =>
    data.length === count && datatype !== 'FP16' && datatype !== 'BF16';
  // Where no row differs from another they are one object, that is written down once.
  const same = tensors.some(isColumn) ? undefined : {};
  const rows: JsonObject[] = [];
  for (let at = 0; at < kept; at++) rows.push(same ?? {});
  for (const tensor of tensors) {
    const { name, datatype, shape, data } = tensor;
    const isPlain = isColumn(tensor);
    const described = isPlain ? '' : `${datatype}[${shape.join(',')}]`;
    for (let at = 0; at < kept; at++) {
      (rows[at] as JsonObject)[name] = isPlain ? jsonOf(data[at] as number, datatype === 'BOOL') : described;
    }
  }
  return rows;
}

function jsonOf(value: number | bigint | string, isBoolean: boolean): JsonValue {
  if (typeof value === 'number') return isBoolean ? value !== 0 : Number.isFinite(value) ? value : null;
  if (typeof value === 'string') return value;
  return Number(value);
}

/**
 * The model's first output, one number for each row, of the first `kept` ones: the prediction, or the positive class's
 * probability. NaN for rows whose output is no single number.
 */
export function valuesOf(
  outputs: readonly Tensor[],
  count = outputs[0]?.data.length ?? 0,
  kept = count,
): number[] {
  const data = outputs[0]?.data;
  const values: number[] = [];
  for (let at = 0; at < kept; at++) values.push(data?.length === count ? Number(data[at]) : Number.NaN);
  return values;
}

const known = new WeakMap<readonly FeatureInput[], TensorSpec[]>();

/** What the model takes, as the runtime checks it; made once for each deployment. Empty means a column of numbers. */
export function specsOf(inputs: readonly FeatureInput[]): readonly TensorSpec[] {
  let specs = known.get(inputs);
  if (!specs) {
    specs = inputs.map(({ name, datatype, shape }) => ({
      name,
      datatype: isDatatype(datatype) ? datatype : 'FP64',
      shape: shape.length === 0 ? [-1, 1] : shape.map(Number),
    }));
    known.set(inputs, specs);
  }
  return specs;
}

function featureError(value: JsonValue, name: string, at: number, wanted: string) {
  return invalid(
    'FEATURE_INVALID',
    `rows[${at}].${name} must be ${wanted}, got ${(typeof value === 'number' ? String(value) : JSON.stringify(value)).slice(0, 60)}`,
    { field: `rows[${at}].${name}` },
  );
}
