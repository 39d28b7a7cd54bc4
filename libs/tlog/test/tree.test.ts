import { describe, expect, it } from 'vitest';
import {
  emptyEdge,
  emptyRoot,
  fillProof,
  grow,
  lastLeafOf,
  leafHash,
  nodeHash,
  planConsistency,
  planInclusion,
  rootOf,
  sameHash,
  subtrees,
  type TreeNode,
  verifyConsistency,
  verifyInclusion,
} from '../src/mod.js';
import { utf8 } from './vectors.js';

/** RFC 6962's definition, word for word: slow, and right. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot();
  if (leaves.length === 1) return leaves[0] as Uint8Array;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)));
}

const leavesMax = 66;
const leaves = Array.from({ length: leavesMax }, (_, at) => leafHash(utf8(`leaf ${at}`)));
const roots = Array.from({ length: leavesMax + 1 }, (_, size) => plainRoot(leaves.slice(0, size)));
const nodes = new Map(grow(emptyEdge, leaves).nodes.map((node) => [keyOf(node), node.hash]));

function keyOf({ level, index }: { level: number; index: number }) {
  return `${level}/${index}`;
}

function hashOf(node: { level: number; index: number }): Uint8Array {
  const hash = nodes.get(keyOf(node));
  if (!hash) throw new Error(`no node ${keyOf(node)}`);
  return hash;
}

const inclusion = (index: number, size: number) => fillProof(planInclusion(index, size), hashOf);
const consistency = (older: number, newer: number) => fillProof(planConsistency(older, newer), hashOf);

function flipped(hash: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(hash);
  copy[7] = (copy[7] as number) ^ 16;
  return copy;
}

describe('the tree', () => {
  it('has the root of RFC 6962 at every size, however the leaves are handed in', () => {
    let one = emptyEdge;
    for (let size = 0; size <= leavesMax; size++) {
      expect(rootOf(one)).toEqual(roots[size]);
      expect(rootOf(grow(emptyEdge, leaves.slice(0, size)).edge)).toEqual(roots[size]);
      one = grow(one, leaves.slice(size, size + 1)).edge;
    }
  });

  it('hands out each full subtree once, when its last leaf comes', () => {
    let edge = emptyEdge;
    const handed: TreeNode[] = [];
    for (const leaf of leaves) {
      const grown = grow(edge, [leaf]);
      for (const node of grown.nodes) expect(lastLeafOf(node)).toBe(edge.size);
      handed.push(...grown.nodes);
      edge = grown.edge;
    }
    expect(handed).toEqual(grow(emptyEdge, leaves).nodes);
    expect(handed).toHaveLength(new Set(handed.map(keyOf)).size);
  });

  it('names subtrees of a log of over 2^32 leaves', () => {
    const size = 2 ** 40 + 5;
    expect(subtrees(0, size)).toEqual([
      { level: 40, index: 0 },
      { level: 2, index: 2 ** 38 },
      { level: 0, index: 2 ** 40 + 4 },
    ]);
    expect(planInclusion(2 ** 33 + 1, size)).toHaveLength(41);
  });
});

describe('proofs', () => {
  it('show every leaf in every tree, and no other leaf, place or root', () => {
    for (let size = 1; size <= leavesMax; size++) {
      const root = roots[size] as Uint8Array;
      for (let index = 0; index < size; index++) {
        const claim = { index, size, leaf: leaves[index] as Uint8Array, proof: inclusion(index, size), root };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, leaf: flipped(claim.leaf) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: flipped(root) })).toBe(false);
        expect(verifyInclusion({ ...claim, index: index + 1 })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...claim.proof, root] })).toBe(false);
        claim.proof.forEach((hash, at) => {
          expect(verifyInclusion({ ...claim, proof: claim.proof.with(at, flipped(hash)) })).toBe(false);
        });
      }
    }
  });

  it('show every older tree in every newer one, and no other', () => {
    for (let newerSize = 1; newerSize <= leavesMax; newerSize++) {
      const newerRoot = roots[newerSize] as Uint8Array;
      for (let olderSize = 1; olderSize <= newerSize; olderSize++) {
        const olderRoot = roots[olderSize] as Uint8Array;
        const proof = consistency(olderSize, newerSize);
        const claim = { olderSize, olderRoot, newerSize, newerRoot, proof };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, olderRoot: flipped(olderRoot) })).toBe(false);
        expect(verifyConsistency({ ...claim, newerRoot: flipped(newerRoot) })).toBe(false);
        proof.forEach((hash, at) => {
          expect(verifyConsistency({ ...claim, proof: proof.with(at, flipped(hash)) })).toBe(false);
        });
      }
    }
  });

  it('refuse what is no proof without throwing', () => {
    const claim = {
      index: 0,
      size: 1,
      leaf: leaves[0] as Uint8Array,
      proof: [],
      root: roots[1] as Uint8Array,
    };
    for (const index of [-1, 1, 0.5, Number.NaN, 2 ** 64])
      expect(verifyInclusion({ ...claim, index })).toBe(false);
    expect(verifyInclusion({ ...claim, proof: [new Uint8Array(31)] })).toBe(false);
    expect(sameHash(new Uint8Array(31), new Uint8Array(32))).toBe(false);
  });
});
