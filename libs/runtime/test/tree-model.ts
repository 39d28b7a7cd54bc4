import { int, ints, node, writeModel } from '@perennial/onnx';

const trees = 20;

/** A forest of stumps over two inputs `[N,2]`, FP32: what batching must not change by a bit. */
export function treeModel(): Uint8Array {
  const at = <T>(make: (tree: number) => T[]) =>
    Array.from({ length: trees }, (_, tree) => make(tree)).flat();
  const floats = (value: number[]) => ({ kind: 'floats' as const, value });
  const attributes = {
    n_targets: int(1),
    nodes_treeids: ints(at((tree) => [tree, tree, tree])),
    nodes_nodeids: ints(at(() => [0, 1, 2])),
    nodes_featureids: ints(at((tree) => [tree % 2, 0, 0])),
    nodes_values: floats(at((tree) => [tree / trees - 0.3, 0, 0])),
    nodes_modes: {
      kind: 'strings' as const,
      value: at(() => ['BRANCH_LEQ', 'LEAF', 'LEAF']),
    },
    nodes_truenodeids: ints(at(() => [1, 0, 0])),
    nodes_falsenodeids: ints(at(() => [2, 0, 0])),
    target_treeids: ints(at((tree) => [tree, tree])),
    target_nodeids: ints(at(() => [1, 2])),
    target_ids: ints(at(() => [0, 0])),
    target_weights: floats(at((tree) => [0.1 * tree + 1 / 3, -0.7 / (tree + 1)])),
  };
  return writeModel({
    producer: 'test',
    producerVersion: '1',
    opsets: { '': 15, 'ai.onnx.ml': 3 },
    graph: {
      name: 'forest',
      inputs: [{ name: 'x', type: 'float', dims: ['N', 2] }],
      outputs: [{ name: 'y', type: 'float', dims: ['N', 1] }],
      constants: [],
      nodes: [node('TreeEnsembleRegressor', ['x'], 'y', attributes, 'ai.onnx.ml')],
    },
  });
}
