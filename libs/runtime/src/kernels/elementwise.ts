import { type Activation, relu, sigmoidDouble, sigmoidFloat, tanhFloat } from './activations.js';
import type { Building } from './building.js';
import { type Constant, expect, isNumeric, type NumberSlot, type Slot, type Step } from './slots.js';

type Arithmetic = (a: number, b: number) => number;

const arithmetic: Readonly<Record<string, Arithmetic>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
};

/** Add, Sub, Mul, Div: of two values of one shape, or of a value and a row of constants on either side. */
export function binary({ node, value, constant, output, slots }: Building): Step {
  const apply = arithmetic[node.op];
  expect(apply && node.inputs.length === 2, `operator ${node.op}`);
  const [left, right] = node.inputs;
  const sides = [value(left) ?? constant(left), value(right) ?? constant(right)];
  const whole = value(left) ?? value(right);
  expect(whole && isNumeric(whole), `operands of ${node.op}`);
  for (const side of sides) {
    expect(side && side.type === whole.type, `operand types of ${node.op}`);
    const fits = side.columns === whole.columns || (isConstant(side) && side.columns === 1);
    expect(fits, `operand shapes of ${node.op}`);
  }
  const to = output(slots.make(whole.type, whole.columns));
  const operands = sides.map((side) => (isConstant(side) ? new Repeated(side, whole.columns) : side));
  const [first, second] = operands as [Slot<'double'>, Slot<'double'>];
  const repeated = operands.filter((operand) => operand instanceof Repeated);
  return (rows) => {
    for (const each of repeated) each.ensure(rows);
    const { data } = to;
    const a = first.data;
    const b = second.data;
    for (let at = 0; at < rows * whole.columns; at++) data[at] = apply(a[at] as number, b[at] as number);
  };
}

function isConstant(side: Slot | Constant | undefined): side is Constant {
  return side !== undefined && 'isConstant' in side;
}

/** A row of constants, laid out for as many rows as a run has: the loops need no notion of broadcasting. */
class Repeated {
  readonly #row: ArrayLike<number>;
  readonly #columns: number;
  data: Float32Array | Float64Array;
  #rows = 0;

  constructor({ type, data }: Constant, columns: number) {
    this.#row = data as Float32Array | Float64Array;
    this.#columns = columns;
    this.data = type === 'float' ? new Float32Array(0) : new Float64Array(0);
  }

  ensure(rows: number): void {
    if (rows <= this.#rows) return;
    this.#rows = rows;
    const count = rows * this.#columns;
    this.data = this.data instanceof Float32Array ? new Float32Array(count) : new Float64Array(count);
    for (let at = 0; at < count; at++) this.data[at] = this.#row[at % this.#row.length] as number;
  }
}

/** Whether each element is NaN. */
export function isNaNs({ node, value, output, slots }: Building): Step {
  const from = value(node.inputs[0]);
  expect(from && isNumeric(from), 'operand of IsNaN');
  const to = output(slots.make('bool', from.columns));
  return (rows) => {
    const { data } = from;
    for (let at = 0; at < rows * from.columns; at++) to.data[at] = Number.isNaN(data[at]) ? 1 : 0;
  };
}

/** Where(condition, constants, value): constants where it is true. */
export function where({ node, value, constant, output, slots }: Building): Step {
  const [condition, instead, other] = [
    value(node.inputs[0]),
    constant(node.inputs[1]),
    value(node.inputs[2]),
  ];
  expect(condition?.type === 'bool' && instead && other && isNumeric(other), 'operands of Where');
  expect(instead.type === other.type && instead.columns === other.columns, 'operand shapes of Where');
  expect(condition.columns === other.columns, 'operand shapes of Where');
  const to = output(slots.make(other.type, other.columns));
  const chosen = instead.data as Float32Array | Float64Array;
  return (rows) => {
    const flags = condition.data as Uint8Array;
    for (let at = 0, column = 0; at < rows * other.columns; at++) {
      to.data[at] = (flags[at] === 1 ? chosen[column] : other.data[at]) as number;
      column = column + 1 === other.columns ? 0 : column + 1;
    }
  };
}

const activations: Readonly<Record<string, { float?: Activation; double?: Activation }>> = {
  Relu: { float: relu, double: relu },
  Tanh: { float: tanhFloat },
  Sigmoid: { float: sigmoidFloat, double: sigmoidDouble },
};

export function activate({ node, value, output, slots }: Building): Step {
  const from = value(node.inputs[0]);
  expect(from && isNumeric(from), `operand of ${node.op}`);
  const activation = activations[node.op]?.[from.type];
  expect(activation, `${node.op} of ${from.type}`);
  const to = output(slots.make(from.type, from.columns));
  return (rows) => activation(from.data, to.data, rows * from.columns);
}

/** Values side by side. */
export function concatenate({ node, value, output, slots, attribute }: Building): Step {
  const axis = attribute('axis', 'int');
  expect(axis === 1 || axis === -1, 'Concat over rows');
  const parts = node.inputs.map((name) => value(name));
  const type = parts[0]?.type;
  expect(type === 'float' || type === 'double', 'operands of Concat');
  const columns = parts.reduce((sum, part) => {
    expect(part?.type === type, 'operand types of Concat');
    return sum + part.columns;
  }, 0);
  const to = output(slots.make(type, columns));
  const sources = parts as NumberSlot[];
  return (rows) => {
    let from = 0;
    for (const { data, columns: width } of sources) {
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < width; column++)
          to.data[row * columns + from + column] = data[row * width + column] as number;
      from += width;
    }
  };
}
