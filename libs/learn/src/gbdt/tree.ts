/** A binary tree in arrays; node 0 is the root. A node with `left` 0 is a leaf. */
export interface Tree {
  readonly feature: number[];
  /** Values up to and including it go left; infinite where only missing ones go right. */
  readonly threshold: number[];
  readonly missingLeft: boolean[];
  readonly left: number[];
  readonly right: number[];
  /** Of leaves: what is added to the score, the learning rate included. */
  readonly value: number[];
}

/** Adds the trees' values to `scores`, tree by tree as ONNX Runtime does. */
export function addScores(
  trees: readonly Tree[],
  columns: readonly Float64Array[],
  scores: Float64Array,
): void {
  for (const tree of trees) {
    for (let row = 0; row < scores.length; row++) {
      let at = 0;
      let left = tree.left[0] as number;
      while (left !== 0) {
        const value = (columns[tree.feature[at] as number] as Float64Array)[row] as number;
        const goesLeft = Number.isNaN(value) ? tree.missingLeft[at] : value <= (tree.threshold[at] as number);
        at = goesLeft ? left : (tree.right[at] as number);
        left = tree.left[at] as number;
      }
      (scores[row] as number) += tree.value[at] as number;
    }
  }
}
