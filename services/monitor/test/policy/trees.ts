/** Least-squares boosting of small regression trees: a stand-in for the platform's trainer, exact and slow. */
export type Model = (x: readonly number[]) => number;

const trees = 100;
const rate = 0.1;
const leafRowsMin = 5;
const leavesMax = 31;

interface Node {
  rows: number[];
  value: number;
  split?: { feature: number; at: number; left: Node; right: Node };
}
interface Split {
  node: Node;
  feature: number;
  at: number;
  gain: number;
}

export function boost(x: readonly (readonly number[])[], y: readonly number[]): Model {
  const base = y.reduce((sum, value) => sum + value, 0) / y.length;
  const fitted = y.map(() => base);
  const roots: Node[] = [];
  for (let tree = 0; tree < trees; tree++) {
    const root = grow(
      x,
      y.map((value, row) => value - (fitted[row] as number)),
    );
    roots.push(root);
    x.forEach((row, at) => {
      fitted[at] = (fitted[at] as number) + rate * answer(root, row);
    });
  }
  return (row) => roots.reduce((sum, root) => sum + rate * answer(root, row), base);
}

function answer(node: Node, row: readonly number[]): number {
  let here = node;
  while (here.split) {
    const { feature, at, left, right } = here.split;
    here = (row[feature] as number) <= at ? left : right;
  }
  return here.value;
}

function grow(x: readonly (readonly number[])[], residual: readonly number[]): Node {
  const nodeOf = (rows: number[]): Node => ({
    rows,
    value: rows.reduce((sum, row) => sum + (residual[row] as number), 0) / rows.length,
  });
  const root = nodeOf(residual.map((_, row) => row));
  const open = [bestSplit(root, x, residual)].filter((split) => split !== undefined);
  for (let leaves = 1; leaves < leavesMax && open.length > 0; leaves++) {
    open.sort((a, b) => a.gain - b.gain);
    const { node, feature, at } = open.pop() as Split;
    const isLeft = (row: number) => ((x[row] as number[])[feature] as number) <= at;
    const left = nodeOf(node.rows.filter(isLeft));
    const right = nodeOf(node.rows.filter((row) => !isLeft(row)));
    node.split = { feature, at, left, right };
    for (const child of [left, right]) {
      const split = bestSplit(child, x, residual);
      if (split) open.push(split);
    }
  }
  return root;
}

function bestSplit(
  node: Node,
  x: readonly (readonly number[])[],
  residual: readonly number[],
): Split | undefined {
  const total = node.rows.reduce((sum, row) => sum + (residual[row] as number), 0);
  const n = node.rows.length;
  let best: Split | undefined;
  for (let feature = 0; feature < (x[0]?.length ?? 0); feature++) {
    const value = (row: number) => (x[row] as number[])[feature] as number;
    const order = [...node.rows].sort((a, b) => value(a) - value(b));
    let sum = 0;
    for (let i = 1; i < n; i++) {
      sum += residual[order[i - 1] as number] as number;
      if (i < leafRowsMin || n - i < leafRowsMin) continue;
      const [low, high] = [value(order[i - 1] as number), value(order[i] as number)];
      if (low === high) continue;
      const gain = sum ** 2 / i + (total - sum) ** 2 / (n - i) - total ** 2 / n;
      if (gain > (best?.gain ?? 1e-9)) best = { node, feature, at: (low + high) / 2, gain };
    }
  }
  return best;
}
