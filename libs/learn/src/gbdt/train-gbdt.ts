import { encode, encodingGraph, fitEncoding, inputsOf } from '../encode/encoding.js';
import { matrixName, modelFile, scoreName, type Trained, type TrainOptions } from '../model.js';
import { readParameters } from '../parameters.js';
import { sigmoid } from '../sigmoid.js';
import { boost } from './boost.js';
import { treeEnsemble } from './export-trees.js';
import { gbdtRules } from './settings.js';
import { addScores } from './tree.js';

/** Histogram gradient-boosted trees. Bump when the same input gives another model. */
const version = '1';

export function trainGbdt({ table, task, parameters: given, onProgress }: TrainOptions): Trained {
  const parameters = readParameters('gbdt', gbdtRules(table.label.length), given);
  const features = fitEncoding(table, 'rank');
  const columns = encode(features, table.columns);
  const ensemble = boost(columns, table.label, task, parameters, (tree) =>
    onProgress?.(tree / parameters.trees),
  );
  const { base, trees } = ensemble;
  const isProbability = task === 'classification';
  return {
    trainer: { name: 'gbdt', version, parameters },
    inputs: inputsOf(features),
    predict: (given, rows) => {
      const scores = new Float64Array(rows);
      addScores(trees, encode(features, given), scores);
      return scores.map((score) => (isProbability ? sigmoid(score + base) : score + base));
    },
    toOnnx: () => {
      const graph = encodingGraph(features, matrixName);
      if (trees.length > 0) graph.nodes.push(treeEnsemble(trees, matrixName, scoreName));
      return modelFile({
        ...graph,
        base,
        isProbability,
        score: trees.length > 0 ? scoreName : undefined,
        version,
      });
    },
  };
}
