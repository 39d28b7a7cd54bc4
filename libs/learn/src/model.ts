import {
  type Column,
  doubles,
  type Node,
  node,
  type TensorConstant,
  tensorAttribute,
  type ValueShape,
  writeModel,
} from '@perennial/onnx';
import { outputName, type Task, type TrainingTable } from './table.js';

/** Names of values inside the graph; no column's name begins with `_p_`. */
export const matrixName = '_p_matrix';
export const scoreName = '_p_score';
const baseName = '_p_base';
const wholeName = '_p_whole';
const shapeName = '_p_shape';

export interface TrainOptions {
  readonly table: TrainingTable;
  readonly task: Task;
  /** As the system.yaml gives them; what is left out gets its default. */
  readonly parameters: Readonly<Record<string, number>>;
  /** Told the share that is done, from 0 to 1, some times a second at most. */
  readonly onProgress?: (share: number) => void;
}

/** A trained model. */
export interface Trained {
  /** Parameters are whole: given ones and defaults. */
  readonly trainer: {
    readonly name: string;
    readonly version: string;
    readonly parameters: Readonly<Record<string, number>>;
  };
  readonly inputs: readonly { readonly name: string; readonly kind: 'number' | 'text' }[];
  /** The value, or the probability of 1; what the ONNX file answers, within rounding of sums. */
  predict(columns: Readonly<Record<string, Column>>, rows: number): Float64Array;
  /** The file; the same training gives the same bytes. */
  toOnnx(): Uint8Array;
}

export interface Scorer {
  readonly inputs: readonly ValueShape[];
  readonly nodes: readonly Node[];
  readonly constants?: readonly TensorConstant[];
  /** The value that holds the score `[N,1]` without `base`; undefined: the base alone is the answer. */
  readonly score: string | undefined;
  readonly base: number;
  readonly isProbability: boolean;
  readonly version: string;
}

/** Completes a graph that scores: adds the base, makes a probability of it where asked to, names the output. */
export function modelFile({
  inputs,
  nodes,
  constants = [],
  score,
  base,
  isProbability,
  version,
}: Scorer): Uint8Array {
  const whole = isProbability ? wholeName : outputName;
  const first = inputs[0] as ValueShape;
  const ends: Node[] =
    score === undefined
      ? [
          node('Shape', [first.name], shapeName),
          node('ConstantOfShape', [shapeName], whole, { value: tensorAttribute(doubles(baseName, [base])) }),
        ]
      : [node('Add', [score, baseName], whole)];
  if (isProbability) ends.push(node('Sigmoid', [whole], outputName));
  return writeModel({
    producer: 'perennial',
    producerVersion: version,
    opsets: { '': 21, 'ai.onnx.ml': 5 },
    graph: {
      name: 'model',
      inputs,
      outputs: [{ name: outputName, type: 'double', dims: ['N', 1] }],
      constants: score === undefined ? constants : [...constants, doubles(baseName, [base])],
      nodes: [...nodes, ...ends],
    },
  });
}
