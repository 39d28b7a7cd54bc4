import {
  type Column,
  doubles,
  int,
  type Node,
  node,
  type TensorConstant,
  tensorAttribute,
  texts,
} from '@perennial/onnx';
import { encodeTexts, type TextCodes } from './text-codes.js';

/** A fitted encoding: the same twice, here and as nodes of a graph, operation by operation. */
export interface Fitted {
  readonly takes: 'number' | 'text';
  /** One column or more; the input has the kind that it takes. */
  encode(column: Column): Float64Array[];
  /** From the input `[N,1]` called `name` to `[N,K]` of double called `output`. */
  graph(name: string): FittedGraph;
}

export interface FittedGraph {
  readonly output: string;
  readonly nodes: readonly Node[];
  readonly constants: readonly TensorConstant[];
}

const coded = (name: string) => `_p_code/${name}`;
const inner = (name: string, what: string) => `_p_${what}/${name}`;

export const passed: Fitted = {
  takes: 'number',
  encode: (column) => [column as Float64Array],
  graph: (name) => ({ output: name, nodes: [], constants: [] }),
};

export function byCodes(codes: TextCodes): Fitted {
  return {
    takes: 'text',
    encode: (column) => [encodeTexts(codes, column as readonly string[])],
    graph: (name) => ({
      output: coded(name),
      nodes: [node('LabelEncoder', [name], coded(name), encoderAttributes(codes), 'ai.onnx.ml')],
      constants: [],
    }),
  };
}

/** A column of 0 and 1 for each key; another value gives zeros. */
export function oneHotTexts(keys: readonly string[]): Fitted {
  const places = keys.map((_, place) => place);
  const codes = { keys, values: Float64Array.from(places), unseen: Number.NaN };
  const numbers = oneHotNumbers(places);
  return {
    takes: 'text',
    encode: (column) => numbers.encode(encodeTexts(codes, column as readonly string[])),
    graph: (name) => {
      const place = inner(name, 'place');
      const first = node('LabelEncoder', [name], place, encoderAttributes(codes), 'ai.onnx.ml');
      const { nodes, constants } = isEachGraph(name, place, places);
      return { output: coded(name), nodes: [first, ...nodes], constants };
    },
  };
}

export function oneHotNumbers(keys: readonly number[]): Fitted {
  return {
    takes: 'number',
    encode: (column) => keys.map((key) => (column as Float64Array).map((value) => (value === key ? 1 : 0))),
    graph: (name) => isEachGraph(name, name, keys),
  };
}

function isEachGraph(name: string, value: string, keys: readonly number[]): FittedGraph {
  const [wanted, isEqual] = [inner(name, 'keys'), inner(name, 'is')];
  return {
    output: coded(name),
    nodes: [
      node('Equal', [value, wanted], isEqual),
      node('Cast', [isEqual], coded(name), { to: int(doubleType) }),
    ],
    constants: [doubles(wanted, keys, [1, keys.length])],
  };
}

/** TensorProto.DataType of double. */
const doubleType = 11;

/** (x - from) / by; what is missing stays so. */
export function scaled(from: number, by: number): Fitted {
  return {
    takes: 'number',
    encode: (column) => [(column as Float64Array).map((value) => (value - from) / by)],
    graph: (name) => ({
      output: coded(name),
      nodes: [
        node('Sub', [name, inner(name, 'from')], inner(name, 'moved')),
        node('Div', [inner(name, 'moved'), inner(name, 'by')], coded(name)),
      ],
      constants: [doubles(inner(name, 'from'), [from], [1, 1]), doubles(inner(name, 'by'), [by], [1, 1])],
    }),
  };
}

export function imputed(value: number): Fitted {
  return {
    takes: 'number',
    encode: (column) => [(column as Float64Array).map((x) => (Number.isNaN(x) ? value : x))],
    graph: (name) => ({
      output: coded(name),
      nodes: [
        node('IsNaN', [name], inner(name, 'missing')),
        node('Where', [inner(name, 'missing'), inner(name, 'instead'), name], coded(name)),
      ],
      constants: [doubles(inner(name, 'instead'), [value], [1, 1])],
    }),
  };
}

function encoderAttributes({ keys, values, unseen }: TextCodes) {
  return {
    keys_tensor: tensorAttribute(texts('keys', [...keys, ''])),
    values_tensor: tensorAttribute(doubles('values', [...values, Number.NaN])),
    default_tensor: tensorAttribute(doubles('default', [unseen])),
  };
}
