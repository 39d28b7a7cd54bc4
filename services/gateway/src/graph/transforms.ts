import { invalid } from '@perennial/kernel';
import { elementCount, type Tensor, type TensorSpec } from '@perennial/runtime';

/**
 * The small steps between models: pure, over FP32 and FP64 tensors whose first dimension is rows. Sums are made in
 * double precision, in the order of the inputs, and rounded once to the datatype of the first input.
 */
interface Transform {
  readonly inputsMin: number;
  readonly inputsMax: number;
  /** How many numbers `parameters` holds, for so many inputs; undefined: any. */
  readonly parameters: (inputs: number) => readonly number[] | undefined;
  /** Datatype and row shape (without the rows) of the answer. */
  readonly spec: (inputs: readonly TensorSpec[], parameters: readonly number[]) => Omit<TensorSpec, 'name'>;
  readonly run: (inputs: readonly Tensor[], parameters: readonly number[]) => Omit<Tensor, 'name'>;
}

type Floats = Float32Array | Float64Array;
type Fold = (values: readonly number[], parameters: readonly number[]) => number;

const inputsMax = 64;

/** A mean with weights where there are parameters, one for each input; they need not sum to 1. */
const mean: Fold = (values, weights) => {
  let sum = 0;
  let total = 0;
  values.forEach((value, at) => {
    const weight = weights[at] ?? 1;
    sum += weight * value;
    total += weight;
  });
  return sum / total;
};

export const transforms: Readonly<Record<string, Transform>> = {
  // Names come from declarations: what every object has is no transform.
  __proto__: null as never,
  mean: elementwise(mean, (inputs) => [0, inputs]),
  sum: elementwise((values) => values.reduce((sum, value) => sum + value, 0)),
  max: elementwise((values) => values.reduce((most, value) => Math.max(most, value))),
  concat: {
    inputsMin: 2,
    inputsMax,
    parameters: () => [0],
    spec: (inputs) => {
      const widths = inputs.map((input) => widthOf(input.shape));
      const width = widths.includes(-1) ? -1 : widths.reduce((sum, one) => sum + one, 0);
      return { datatype: first(inputs).datatype, shape: [first(inputs).shape[0] ?? -1, width] };
    },
    run: concat,
  },
  softmax: onEach((row) => {
    const most = row.reduce((best, value) => Math.max(best, value));
    const powers = row.map((value) => Math.exp(value - most));
    const total = powers.reduce((sum, value) => sum + value, 0);
    return powers.map((value) => value / total);
  }),
  argmax: {
    inputsMin: 1,
    inputsMax: 1,
    parameters: () => [0],
    spec: ([input]) => ({ datatype: 'INT64', shape: [input?.shape[0] ?? -1] }),
    run: ([input]) => {
      const rows = rowsIn(input as Tensor);
      return { datatype: 'INT64', shape: [rows.length], data: BigInt64Array.from(rows, argmax) };
    },
  },
  scale: onEach((row, [factor = 1, offset = 0]) => row.map((value) => value * factor + offset), [2]),
  select: {
    inputsMin: 1,
    inputsMax: 1,
    parameters: () => undefined,
    spec: ([input], columns) => ({
      datatype: input?.datatype ?? 'FP64',
      shape: [input?.shape[0] ?? -1, columns.length],
    }),
    run: ([input], columns) => {
      const rows = rowsIn(input as Tensor);
      const picked = rows.map((row) => columns.map((column) => row[column] ?? outOfRow(column, row.length)));
      return floats((input as Tensor).datatype, [rows.length, columns.length], picked.flat());
    },
  },
  cast_fp32: cast('FP32'),
  cast_fp64: cast('FP64'),
};

function elementwise(fold: Fold, parameters: Transform['parameters'] = () => [0]): Transform {
  return {
    inputsMin: 1,
    inputsMax,
    parameters,
    spec: (inputs) => ({ datatype: first(inputs).datatype, shape: first(inputs).shape }),
    run: (inputs, weights) => {
      const [head] = inputs as [Tensor];
      const odd = inputs.find(({ data }) => data.length !== head.data.length);
      if (odd) throw shapesDiffer(head, odd);
      const values = new Array<number>(inputs.length);
      const data = Array.from({ length: head.data.length }, (_, at) => {
        inputs.forEach((input, which) => {
          values[which] = Number(input.data[at]);
        });
        return fold(values, weights);
      });
      return floats(head.datatype, head.shape, data);
    },
  };
}

function onEach(
  change: (row: readonly number[], parameters: readonly number[]) => readonly number[],
  counts: readonly number[] = [0],
): Transform {
  return {
    inputsMin: 1,
    inputsMax: 1,
    parameters: () => counts,
    spec: ([input]) => ({ datatype: input?.datatype ?? 'FP64', shape: input?.shape ?? [-1, 1] }),
    run: ([input], parameters) => {
      const tensor = input as Tensor;
      return floats(
        tensor.datatype,
        tensor.shape,
        rowsIn(tensor).flatMap((row) => [...change(row, parameters)]),
      );
    },
  };
}

function cast(datatype: 'FP32' | 'FP64'): Transform {
  return {
    inputsMin: 1,
    inputsMax: 1,
    parameters: () => [0],
    spec: ([input]) => ({ datatype, shape: input?.shape ?? [-1, 1] }),
    run: ([input]) => {
      const { shape, data } = input as Tensor;
      return floats(
        datatype,
        shape,
        Array.from(data as Floats, (value) => Number(value)),
      );
    },
  };
}

function concat(inputs: readonly Tensor[]): Omit<Tensor, 'name'> {
  const [head] = inputs as [Tensor];
  const parts = inputs.map(rowsIn);
  const odd = inputs.find((_, at) => parts[at]?.length !== parts[0]?.length);
  if (odd) throw shapesDiffer(head, odd);
  const rows = (parts[0] ?? []).map((_, at) => parts.flatMap((part) => part[at] ?? []));
  return floats(head.datatype, [rows.length, rows[0]?.length ?? 0], rows.flat());
}

/** The rows of a tensor as plain numbers; what lies behind the first dimension is one flat row. */
function rowsIn({ name, shape, data }: Tensor): number[][] {
  const count = shape[0] ?? 1;
  const width = elementCount(name, shape.slice(1));
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, column) => Number(data[row * width + column])),
  );
}

function floats(
  datatype: Tensor['datatype'],
  shape: readonly number[],
  values: readonly number[],
): Omit<Tensor, 'name'> {
  const data = datatype === 'FP32' ? Float32Array.from(values) : Float64Array.from(values);
  return { datatype: datatype === 'FP32' ? 'FP32' : 'FP64', shape, data };
}

function argmax(row: readonly number[]): bigint {
  let best = 0;
  row.forEach((value, at) => {
    if (value > (row[best] as number)) best = at;
  });
  return BigInt(best);
}

function widthOf(shape: readonly number[]): number {
  const sizes = shape.slice(1);
  return sizes.includes(-1) ? -1 : sizes.reduce((product, size) => product * size, 1);
}

function first(inputs: readonly TensorSpec[]): TensorSpec {
  return inputs[0] as TensorSpec;
}

function shapesDiffer(one: Tensor, other: Tensor) {
  return invalid(
    'GRAPH_SHAPE',
    `'${one.name}' has the shape [${one.shape.join(',')}] and '${other.name}' [${other.shape.join(',')}]: a transform needs equal ones`,
    { field: other.name },
  );
}

function outOfRow(column: number, width: number): never {
  throw invalid(
    'GRAPH_SHAPE',
    `select: there is no column ${column} in rows of ${width}; columns count from 0`,
  );
}
