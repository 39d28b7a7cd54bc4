import { doubles, type Node, node } from '@perennial/onnx';
import { encode, encodingGraph, fitEncoding, inputsOf } from '../encode/encoding.js';
import { matrixName, modelFile, scoreName, type Trained, type TrainOptions } from '../model.js';
import { readParameters } from '../parameters.js';
import { sigmoid } from '../sigmoid.js';
import { fitLogistic, fitRidge } from './fit.js';
import { fitScale, scaleColumn } from './scaling.js';

/** Ridge and logistic regression. Bump when the same input gives another model. */
const version = '1';

const rules = {
  /** Of scaled columns, as scikit-learn's Ridge and LogisticRegression have it. */
  l2: { default: 1, min: 0, max: 1e9, integer: false },
} as const;

export function trainLinear({ table, task, parameters: given }: TrainOptions): Trained {
  const parameters = readParameters('linear', rules, given);
  const features = fitEncoding(table, 'mean');
  const columns = encode(features, table.columns);
  const scales = columns.map(fitScale);
  const scaled = columns.map((column, at) => scaleColumn(column, scales[at] as (typeof scales)[number]));
  const isProbability = task === 'classification';
  const fit = isProbability ? fitLogistic : fitRidge;
  const { weights, intercept } = fit(scaled, table.label, parameters.l2);
  return {
    trainer: { name: 'linear', version, parameters },
    inputs: inputsOf(features),
    predict: (given, rows) => {
      const scores = new Float64Array(rows);
      for (const [at, column] of encode(features, given).entries()) {
        const values = scaleColumn(column, scales[at] as (typeof scales)[number]);
        for (let row = 0; row < rows; row++)
          (scores[row] as number) += (weights[at] as number) * (values[row] as number);
      }
      return scores.map((score) => (isProbability ? sigmoid(score + intercept) : score + intercept));
    },
    toOnnx: () => {
      const graph = encodingGraph(features, matrixName);
      const size = columns.length;
      return modelFile({
        inputs: graph.inputs,
        nodes: [...graph.nodes, ...scoreNodes()],
        constants: [
          ...graph.constants,
          doubles(
            '_p_means',
            scales.map(({ mean }) => mean),
            [1, size],
          ),
          doubles(
            '_p_sds',
            scales.map(({ sd }) => sd),
            [1, size],
          ),
          doubles('_p_weights', weights, [size, 1]),
        ],
        score: scoreName,
        base: intercept,
        isProbability,
        version,
      });
    },
  };
}

/** Puts what is missing or infinite at the mean, scales and weighs. `x - x` is NaN for both and 0 for the rest. */
function scoreNodes(): Node[] {
  return [
    node('Sub', [matrixName, matrixName], '_p_nothing'),
    node('IsNaN', ['_p_nothing'], '_p_missing'),
    node('Where', ['_p_missing', '_p_means', matrixName], '_p_filled'),
    node('Sub', ['_p_filled', '_p_means'], '_p_centred'),
    node('Div', ['_p_centred', '_p_sds'], '_p_scaled'),
    node('MatMul', ['_p_scaled', '_p_weights'], scoreName),
  ];
}
