import { assert } from '@perennial/kernel';
import { emptyRoot, nodeHash } from './hash.js';

/** A full subtree: the leaves from `index * 2^level` on, `2^level` of them. Level 0 are the leaves. */
export interface NodeAddress {
  readonly level: number;
  readonly index: number;
}

export interface TreeNode extends NodeAddress {
  readonly hash: Uint8Array;
}

/** Index of the last leaf under the node: the append of that leaf completed it. */
export function lastLeafOf({ level, index }: NodeAddress): number {
  return (index + 1) * 2 ** level - 1;
}

/**
 * The full subtrees that make up leaves `start` (inclusive) to `end` (exclusive), largest first, from left to right.
 * `start` must be a multiple of the least power of two that is not under the length, as in every range of RFC 6962.
 *
 * Arithmetic is by division and powers, never by shifts: those are 32 bits wide and a log may outgrow them.
 */
export function subtrees(start: number, end: number): NodeAddress[] {
  const found: NodeAddress[] = [];
  let from = start;
  while (from < end) {
    const level = log2Floor(end - from);
    assert(from % 2 ** level === 0, `leaves ${start} to ${end} are no range of the tree`);
    found.push({ level, index: from / 2 ** level });
    from += 2 ** level;
  }
  return found;
}

/** The greatest power of two under `size` (at least 2): where RFC 6962 splits a tree. */
export function splitOf(size: number): number {
  return 2 ** log2Floor(size - 1);
}

/** Joins the hashes of `subtrees` into one; the hash of the empty tree where there are none. */
export function joinSubtrees(hashes: readonly Uint8Array[]): Uint8Array {
  const last = hashes.at(-1);
  if (last === undefined) return emptyRoot();
  return hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/** The right edge of a tree: all that is needed to append to it, at most one hash a level. */
export interface TreeEdge {
  readonly size: number;
  /** Of `subtrees(0, size)`. */
  readonly hashes: readonly Uint8Array[];
}

export const emptyEdge: TreeEdge = { size: 0, hashes: [] };

export function rootOf(edge: TreeEdge): Uint8Array {
  return joinSubtrees(edge.hashes);
}

/** Appends leaves. `nodes` are all full subtrees that this completed, in the order of their last leaf, then level. */
export function grow(edge: TreeEdge, leaves: readonly Uint8Array[]): { edge: TreeEdge; nodes: TreeNode[] } {
  const hashes = [...edge.hashes];
  const nodes: TreeNode[] = [];
  let size = edge.size;
  for (const leaf of leaves) {
    let node: TreeNode = { level: 0, index: size, hash: leaf };
    nodes.push(node);
    while (node.index % 2 === 1) {
      const left = hashes.pop();
      assert(left !== undefined, 'the edge is shorter than its size says');
      node = { level: node.level + 1, index: (node.index - 1) / 2, hash: nodeHash(left, node.hash) };
      nodes.push(node);
    }
    hashes.push(node.hash);
    size += 1;
  }
  return { edge: { size, hashes }, nodes };
}

/** Exact for every safe integer from 1 on, as Math.log2 alone is not near powers of two. */
function log2Floor(value: number): number {
  let exponent = Math.floor(Math.log2(value));
  if (2 ** exponent > value) exponent -= 1;
  if (2 ** (exponent + 1) <= value) exponent += 1;
  return exponent;
}
