import { invalid } from '@perennial/kernel';
import {
  type Column,
  doubles,
  type Node,
  node,
  tensorAttribute,
  texts,
  type ValueShape,
} from '@perennial/onnx';
import type { TrainingTable } from '../table.js';
import { encodeTexts, fitTextCodes, type TextCodes } from './text-codes.js';

/** One input of the model and how it becomes a number; numbers pass through. */
export interface EncodedFeature {
  readonly name: string;
  readonly codes: TextCodes | undefined;
}

export function fitEncoding(
  { features, columns, label }: TrainingTable,
  kind: 'rank' | 'mean',
): EncodedFeature[] {
  return features.map((name) => {
    const column = columns[name] as Column;
    return { name, codes: column instanceof Float64Array ? undefined : fitTextCodes(column, label, kind) };
  });
}

/**
 * Columns of numbers in the model's order, by the same table as the graph's.
 *
 * @throws PlatformError FEATURES_INVALID where a column is absent or of the other kind
 */
export function encode(
  features: readonly EncodedFeature[],
  columns: Readonly<Record<string, Column>>,
): Float64Array[] {
  return features.map(({ name, codes }) => {
    const column = columns[name];
    if (column === undefined || column instanceof Float64Array !== (codes === undefined)) {
      const kind = codes ? 'texts' : 'numbers';
      throw invalid('FEATURES_INVALID', `features.${name}: the model takes ${kind}`, {
        field: `features.${name}`,
      });
    }
    return column instanceof Float64Array ? column : encodeTexts(codes as TextCodes, column);
  });
}

/** The same as graph nodes: from one `[N,1]` input per feature to `matrix`, `[N,F]` of double. */
export function encodingGraph(
  features: readonly EncodedFeature[],
  matrix: string,
): { inputs: ValueShape[]; nodes: Node[] } {
  const inputs = features.map(
    ({ name, codes }): ValueShape => ({
      name,
      type: codes ? 'string' : 'double',
      dims: ['N', 1],
    }),
  );
  const encoded = (name: string) => `_p_code/${name}`;
  const encoders = features.flatMap(({ name, codes }) =>
    codes ? [node('LabelEncoder', [name], encoded(name), encoderAttributes(codes), 'ai.onnx.ml')] : [],
  );
  const columns = features.map(({ name, codes }) => (codes ? encoded(name) : name));
  return {
    inputs,
    nodes: [...encoders, node('Concat', columns, matrix, { axis: { kind: 'int', value: 1 } })],
  };
}

function encoderAttributes({ keys, values, unseen }: TextCodes) {
  return {
    keys_tensor: tensorAttribute(texts('keys', [...keys, ''])),
    values_tensor: tensorAttribute(doubles('values', [...values, Number.NaN])),
    default_tensor: tensorAttribute(doubles('default', [unseen])),
  };
}
