import { type Attribute, type Node, node, type TensorConstant, writeModel } from '@perennial/onnx';

export const modelNames = ['linear', 'mlp', 'trees'] as const;
export type ModelName = (typeof modelNames)[number];

/** Numbers of one row; the same for all models, so that one reference body serves them all. */
export const inputColumns = 32;
export const inputName = 'x';
const outputName = 'y';

/** Park and Miller's: the same models everywhere. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  };
}

/** FP32 `[N,32]` to FP32 `[N,1]`. */
export function modelFile(name: ModelName): Uint8Array {
  if (name === 'linear') return layersFile([inputColumns, 1]);
  if (name === 'mlp') return layersFile([inputColumns, 64, 32, 1]);
  return treesFile(100, 6);
}

/** About 2 ms for 32 rows: slow enough that a generator on the same cores can ask for several times its capacity. */
export function wideModelFile(): Uint8Array {
  return layersFile([inputColumns, 2048, 2048, 1]);
}

function floats(name: string, values: number[], dims = [values.length]): TensorConstant {
  return { name, type: 'float', dims, data: Float32Array.from(values) };
}

/** Fully connected layers with Relu between them. */
function layersFile(sizes: readonly number[]): Uint8Array {
  const random = numbersFrom(11);
  const nodes: Node[] = [];
  const constants: TensorConstant[] = [];
  let from = inputName;
  for (let layer = 1; layer < sizes.length; layer++) {
    const [inputs, outputs] = [sizes[layer - 1] as number, sizes[layer] as number];
    const scale = 1 / Math.sqrt(inputs);
    const weights = Array.from({ length: inputs * outputs }, () => random() * scale);
    constants.push(floats(`w${layer}`, weights, [inputs, outputs]));
    constants.push(floats(`b${layer}`, Array.from({ length: outputs }, random)));
    const isLast = layer === sizes.length - 1;
    const sum = isLast ? outputName : `sum${layer}`;
    nodes.push(node('Gemm', [from, `w${layer}`, `b${layer}`], sum));
    from = `out${layer}`;
    if (!isLast) nodes.push(node('Relu', [sum], from));
  }
  return file(nodes, constants);
}

/** Full binary trees of one depth, as other trainers export them (ai.onnx.ml 3). */
function treesFile(trees: number, depth: number): Uint8Array {
  const random = numbersFrom(13);
  const inner = 2 ** depth - 1;
  const perTree = 2 * inner + 1;
  const each = <T>(make: (node: number, tree: number) => T): T[] =>
    Array.from({ length: trees * perTree }, (_, at) => make(at % perTree, Math.floor(at / perTree)));
  const ints = (value: number[]): Attribute => ({ kind: 'ints', value });
  const numbers = (value: number[]): Attribute => ({ kind: 'floats', value });
  const isLeaf = (node: number) => node >= inner;
  const leaves = each((node, tree) => ({ node, tree })).filter(({ node }) => isLeaf(node));
  const attributes: Record<string, Attribute> = {
    nodes_treeids: ints(each((_, tree) => tree)),
    nodes_nodeids: ints(each((node) => node)),
    nodes_featureids: ints(
      each((node) => (isLeaf(node) ? 0 : Math.floor(((random() + 1) / 2) * inputColumns))),
    ),
    nodes_modes: { kind: 'strings', value: each((node) => (isLeaf(node) ? 'LEAF' : 'BRANCH_LEQ')) },
    nodes_values: numbers(each((node) => (isLeaf(node) ? 0 : random()))),
    nodes_truenodeids: ints(each((node) => (isLeaf(node) ? 0 : 2 * node + 1))),
    nodes_falsenodeids: ints(each((node) => (isLeaf(node) ? 0 : 2 * node + 2))),
    nodes_missing_value_tracks_true: ints(each(() => 0)),
    target_treeids: ints(leaves.map(({ tree }) => tree)),
    target_nodeids: ints(leaves.map(({ node }) => node)),
    target_ids: ints(leaves.map(() => 0)),
    target_weights: numbers(leaves.map(random)),
    n_targets: { kind: 'int', value: 1 },
  };
  const ensemble = node('TreeEnsembleRegressor', [inputName], outputName, attributes, 'ai.onnx.ml');
  return file([ensemble], []);
}

function file(nodes: Node[], constants: TensorConstant[]): Uint8Array {
  return writeModel({
    producer: 'bench',
    producerVersion: '1',
    opsets: { '': 17, 'ai.onnx.ml': 3 },
    graph: {
      name: 'model',
      inputs: [{ name: inputName, type: 'float', dims: ['N', inputColumns] }],
      outputs: [{ name: outputName, type: 'float', dims: ['N', 1] }],
      constants,
      nodes,
    },
  });
}
