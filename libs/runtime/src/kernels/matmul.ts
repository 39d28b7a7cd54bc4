import type { Building } from './building.js';
import { fusedDouble, tie } from './fused.js';
import { expect, isNumeric, type NumberSlot, type Step } from './slots.js';

/** Above this many terms the engine sums in blocks; and nothing that large is tiny. */
const termsMax = 128;
/** Weights of one layer; more are faster in the engine even for one row. */
const weightsMax = 128 * 128;

interface Layer {
  readonly from: NumberSlot;
  readonly to: NumberSlot;
  /** `[inputs, outputs]`, row-major, exact in double whatever their type. */
  readonly weights: Float64Array;
  readonly bias: Float64Array | undefined;
}

/** MatMul(value, constant). */
export function matMul(building: Building): Step {
  expect(building.node.inputs.length === 2, 'operands of MatMul');
  return layerStep(layerOf(building, false, undefined));
}

/** Gemm(value, constant, row of constants) with alpha and beta of 1. */
export function gemm(building: Building): Step {
  const { node, attribute } = building;
  for (const name of ['alpha', 'beta']) expect((attribute(name, 'float') ?? 1) === 1, `${name} of Gemm`);
  expect((attribute('transA', 'int') ?? 0) === 0, 'transA of Gemm');
  const transposed = (attribute('transB', 'int') ?? 0) !== 0;
  return layerStep(layerOf(building, transposed, node.inputs[2] || undefined));
}

function layerOf(building: Building, transposed: boolean, biasName: string | undefined): Layer {
  const { node, value, tensor, constant, slots, output } = building;
  const from = value(node.inputs[0]);
  const matrix = tensor(node.inputs[1]);
  expect(from && isNumeric(from) && matrix?.type === from.type, `operands of ${node.op}`);
  const [inputs, outputs] = transposed ? [matrix.dims[1], matrix.dims[0]] : matrix.dims;
  expect(matrix.dims.length === 2 && inputs === from.columns && outputs, `operand shapes of ${node.op}`);
  expect(inputs <= termsMax && inputs * outputs <= weightsMax, `${node.op} of ${inputs} by ${outputs}`);
  const given = matrix.data as Float32Array | Float64Array;
  const weights = new Float64Array(inputs * outputs);
  for (let row = 0; row < inputs; row++)
    for (let column = 0; column < outputs; column++)
      weights[row * outputs + column] = given[
        transposed ? column * inputs + row : row * outputs + column
      ] as number;
  const bias = constant(biasName);
  expect(biasName === undefined || bias?.type === from.type, `bias of ${node.op}`);
  expect(!bias || bias.columns === outputs || bias.columns === 1, `bias of ${node.op}`);
  const biases = bias && Float64Array.from({ length: outputs }, (_, at) => biasAt(bias.data, at));
  return { from, to: output(slots.make(from.type, outputs)), weights, bias: biases };
}

function biasAt(data: unknown, at: number): number {
  const values = data as Float32Array | Float64Array;
  return (values.length === 1 ? values[0] : values[at]) as number;
}

/** One sum for each output, its terms fused in the order of the inputs, and the bias last: as the engine's kernels. */
function layerStep({ from, to, weights, bias }: Layer): Step {
  const { columns: inputs } = from;
  const { columns: outputs } = to;
  const add = from.type === 'double' ? addDoubles : addFloats;
  const sums = new Float64Array(outputs);
  const areFinite = weights.every(Number.isFinite);
  const sumUp = (given: Float32Array | Float64Array, start: number, leaveOut: boolean) => {
    sums.fill(0);
    for (let input = 0; input < inputs; input++) {
      const value = given[start + input] as number;
      if (value !== 0 || !leaveOut) add(sums, value, weights, input * outputs);
    }
  };
  return (rows) => {
    for (let row = 0; row < rows; row++) {
      sumUp(from.data, row * inputs, areFinite);
      // Terms of zero, half of them behind a Relu, change no sum but one that underflowed to a zero with a sign.
      if (areFinite && hasNegativeZero(sums)) sumUp(from.data, row * inputs, false);
      for (let at = 0; at < outputs; at++)
        to.data[row * outputs + at] = bias
          ? (sums[at] as number) + (bias[at] as number)
          : (sums[at] as number);
    }
  };
}

function hasNegativeZero(sums: Float64Array): boolean {
  for (let at = 0; at < sums.length; at++) if (sums[at] === 0 && Object.is(sums[at], -0)) return true;
  return false;
}

function addDoubles(sums: Float64Array, value: number, weights: Float64Array, from: number): void {
  for (let at = 0; at < sums.length; at++)
    sums[at] = fusedDouble(value, weights[from + at] as number, sums[at] as number);
}

/** fusedFloat of fused.ts written out: this loop is the whole cost of an MLP. */
function addFloats(sums: Float64Array, value: number, weights: Float64Array, from: number): void {
  for (let at = 0; at < sums.length; at++) {
    const product = value * (weights[from + at] as number);
    const before = sums[at] as number;
    const sum = product + before;
    const rounded = Math.fround(sum);
    const twice = sum + (sum - rounded);
    sums[at] =
      Math.fround(twice) === twice && twice !== rounded ? tie(product, before, sum, rounded) : rounded;
  }
}
