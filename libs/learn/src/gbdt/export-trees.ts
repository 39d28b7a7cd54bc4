import { bytes, doubles, int, ints, type Node, node, tensorAttribute } from '@perennial/onnx';
import type { Tree } from './tree.js';

/** TreeEnsemble's codes: a node is `value <= split`; the trees' values are summed, and come out as they are. */
const branchLessOrEqual = 0;
const aggregateSum = 1;
const transformNone = 0;

/** A node of ai.onnx.ml 5 from `matrix` `[N,F]` to the sum of the trees' values `[N,1]`, all in double. */
export function treeEnsemble(trees: readonly Tree[], matrix: string, sum: string): Node {
  const parts = new EnsembleArrays();
  for (const tree of trees) parts.add(tree);
  return node('TreeEnsemble', [matrix], sum, parts.attributes(), 'ai.onnx.ml');
}

/** Inner nodes and leaves of all trees, numbered through; ai.onnx.ml 5 counts the two apart. */
class EnsembleArrays {
  readonly #roots: number[] = [];
  readonly #features: number[] = [];
  readonly #splits: number[] = [];
  readonly #missingTrue: number[] = [];
  readonly #trueIds: number[] = [];
  readonly #trueIsLeaf: number[] = [];
  readonly #falseIds: number[] = [];
  readonly #falseIsLeaf: number[] = [];
  readonly #leafValues: number[] = [];

  add(tree: Tree): void {
    const ids: number[] = [];
    let inner = this.#features.length;
    let leaf = this.#leafValues.length;
    const isLeaf = tree.left.map((left) => left === 0);
    for (const one of isLeaf) ids.push(one ? leaf++ : inner++);
    this.#roots.push(ids[0] as number);
    for (let at = 0; at < ids.length; at++) {
      if (isLeaf[at]) {
        this.#leafValues.push(tree.value[at] as number);
        continue;
      }
      const left = tree.left[at] as number;
      const right = tree.right[at] as number;
      this.#features.push(tree.feature[at] as number);
      this.#splits.push(tree.threshold[at] as number);
      this.#missingTrue.push(tree.missingLeft[at] ? 1 : 0);
      this.#trueIds.push(ids[left] as number);
      this.#trueIsLeaf.push(isLeaf[left] ? 1 : 0);
      this.#falseIds.push(ids[right] as number);
      this.#falseIsLeaf.push(isLeaf[right] ? 1 : 0);
    }
  }

  attributes() {
    const leaves = this.#leafValues.length;
    return {
      aggregate_function: int(aggregateSum),
      post_transform: int(transformNone),
      n_targets: int(1),
      tree_roots: ints(this.#roots),
      nodes_featureids: ints(this.#features),
      nodes_modes: tensorAttribute(
        bytes(
          'modes',
          this.#features.map(() => branchLessOrEqual),
        ),
      ),
      nodes_splits: tensorAttribute(doubles('splits', this.#splits)),
      nodes_missing_value_tracks_true: ints(this.#missingTrue),
      nodes_truenodeids: ints(this.#trueIds),
      nodes_trueleafs: ints(this.#trueIsLeaf),
      nodes_falsenodeids: ints(this.#falseIds),
      nodes_falseleafs: ints(this.#falseIsLeaf),
      leaf_targetids: ints(new Uint8Array(leaves)),
      leaf_weights: tensorAttribute(doubles('values', this.#leafValues)),
    };
  }
}
