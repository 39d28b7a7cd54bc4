import { invalid } from '@perennial/kernel';
import type { Tensor } from '@perennial/runtime';

/** A vocabulary's worth of logits; more is no classification. */
const elementsMax = 1_000_000;

type Values = ArrayLike<number | bigint>;

/**
 * The extension "classification": the `count` greatest values of each row as texts `<value>:<index>[:<label>]`, the
 * greatest first, equal ones by their index; NaN comes last. Shape [rows,count], or [count] where there are no rows.
 *
 * @throws PlatformError CLASSIFICATION_INVALID for datatypes that have no order, and for tensors that are too large
 */
export function classified(
  tensor: Tensor,
  count: number,
  labels: readonly string[],
  hasRows: boolean,
): Tensor {
  const { name, datatype, shape, data } = tensor;
  if (Array.isArray(data) || datatype === 'BOOL' || datatype === 'FP16' || datatype === 'BF16') {
    throw wrong(name, `class result not available for output due to unsupported type '${datatype}'`);
  }
  if (data.length > elementsMax) {
    throw wrong(
      name,
      `class result not available for output '${name}': it has ${data.length} elements, at most ${elementsMax} are sorted`,
    );
  }
  const rows = hasRows ? (shape[0] ?? 1) : 1;
  const width = rows === 0 ? 0 : data.length / rows;
  const kept = Math.min(count, width);
  const texts: string[] = [];
  const isFloat = datatype === 'FP32' || datatype === 'FP64';
  for (let row = 0; row < rows; row++) {
    const values = data.subarray(row * width, (row + 1) * width) as Values;
    for (const index of greatest(values, kept)) {
      const value = values[index] as number | bigint;
      const label = labels[index];
      texts.push(
        `${isFloat ? fixed(value as number) : value}:${index}${label === undefined ? '' : `:${label}`}`,
      );
    }
  }
  return { name, datatype: 'BYTES', shape: hasRows ? [rows, kept] : [kept], data: texts };
}

function greatest(values: Values, count: number): number[] {
  const order = Array.from({ length: values.length }, (_, index) => index);
  const isNumber = (value: number | bigint) => typeof value === 'bigint' || !Number.isNaN(value);
  order.sort((a, b) => {
    const [x, y] = [values[a] as number | bigint, values[b] as number | bigint];
    if (x > y) return -1;
    if (x < y) return 1;
    return Number(isNumber(y)) - Number(isNumber(x)) || a - b;
  });
  return order.slice(0, count);
}

/** As C's "%f", which clients of this extension have always been given. */
function fixed(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}

function wrong(field: string, message: string) {
  return invalid('CLASSIFICATION_INVALID', message, { field });
}
