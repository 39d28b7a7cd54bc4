import { invalid } from '@perennial/kernel';
import { type Column, type Node, node, type TensorConstant, type ValueShape } from '@perennial/onnx';
import type { TrainingTable } from '../table.js';
import { fitDeclared } from './fit-declared.js';
import { byCodes, type Fitted, passed } from './fitted.js';
import { fitTextCodes } from './text-codes.js';

/** One input of the model and how it becomes numbers. */
export interface EncodedFeature {
  readonly name: string;
  readonly fitted: Fitted;
}

/**
 * Fits how each feature becomes numbers: as it was declared; else numbers pass through and texts get codes of `kind`.
 *
 * @throws PlatformError ENCODING_INVALID
 */
export function fitEncoding(
  { features, columns, label, encodings = {} }: TrainingTable,
  kind: 'rank' | 'mean',
): EncodedFeature[] {
  return features.map((name) => {
    const column = columns[name] as Column;
    const declared = Object.hasOwn(encodings, name) ? encodings[name] : undefined;
    if (declared) return { name, fitted: fitDeclared(name, declared, column, label) };
    return {
      name,
      fitted: column instanceof Float64Array ? passed : byCodes(fitTextCodes(column, label, kind)),
    };
  });
}

/**
 * Columns of numbers in the model's order, as the graph gives them.
 *
 * @throws PlatformError FEATURES_INVALID where a column is absent or of the other kind
 */
export function encode(
  features: readonly EncodedFeature[],
  columns: Readonly<Record<string, Column>>,
): Float64Array[] {
  return features.flatMap(({ name, fitted }) => {
    const column = columns[name];
    if (column === undefined || column instanceof Float64Array !== (fitted.takes === 'number')) {
      throw invalid('FEATURES_INVALID', `features.${name}: the model takes ${fitted.takes}s`, {
        field: `features.${name}`,
      });
    }
    return fitted.encode(column);
  });
}

/** What a model takes, by name. */
export function inputsOf(features: readonly EncodedFeature[]) {
  return features.map(({ name, fitted }) => ({ name, kind: fitted.takes }));
}

/** The same as graph nodes: from one `[N,1]` input per feature to `matrix`, `[N,F]` of double. */
export function encodingGraph(
  features: readonly EncodedFeature[],
  matrix: string,
): { inputs: ValueShape[]; nodes: Node[]; constants: TensorConstant[] } {
  const inputs = features.map(
    ({ name, fitted }): ValueShape => ({
      name,
      type: fitted.takes === 'text' ? 'string' : 'double',
      dims: ['N', 1],
    }),
  );
  const parts = features.map(({ name, fitted }) => fitted.graph(name));
  const columns = parts.map(({ output }) => output);
  return {
    inputs,
    nodes: [
      ...parts.flatMap(({ nodes }) => nodes),
      node('Concat', columns, matrix, { axis: { kind: 'int', value: 1 } }),
    ],
    constants: parts.flatMap(({ constants }) => constants),
  };
}
