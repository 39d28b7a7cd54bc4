import { describe, expect, it } from 'vitest';
import {
  emptyEdge,
  emptyRoot,
  fillProof,
  grow,
  leafHash,
  nodeHash,
  planConsistency,
  planInclusion,
  rootOf,
  type TreeNode,
  verifyConsistency,
  verifyInclusion,
} from '../src/mod.js';
import { absent, fromBase64, fromHex, source, toBase64, toHex, utf8, vectors } from './vectors.js';

const bytesOf = (of: Record<string, string>, name: string) =>
  of[`${name}_hex`] === undefined ? utf8(of[`${name}_utf8`] ?? '') : fromHex(of[`${name}_hex`] ?? '');

function reader(nodes: readonly TreeNode[]) {
  return ({ level, index }: { level: number; index: number }) => {
    const node = nodes.find((each) => each.level === level && each.index === index);
    if (!node) throw new Error(`no node ${level}/${index}`);
    return node.hash;
  };
}

describe.skipIf(absent)(`the tree of others ${source}`, () => {
  it('hashes leaves, nodes and nothing alike', () => {
    for (const test of vectors.rfc6962_hasher.cases) {
      const hash = {
        emptyRoot: () => emptyRoot(),
        leaf: () => leafHash(bytesOf(test, 'data')),
        node: () => nodeHash(bytesOf(test, 'left'), bytesOf(test, 'right')),
      }[test.op as 'emptyRoot' | 'leaf' | 'node']();
      expect(toHex(hash)).toBe(test.want_hex);
    }
  });

  it('has the roots and proofs of the reference tree', () => {
    const tree = vectors.rfc6962_reference_tree;
    const leaves: Uint8Array[] = tree.leaves_hex.map((hex: string) => leafHash(fromHex(hex)));
    const { nodes } = grow(emptyEdge, leaves);
    tree.roots_hex_by_size_1_to_8.forEach((root: string, at: number) => {
      expect(toHex(rootOf(grow(emptyEdge, leaves.slice(0, at + 1)).edge))).toBe(root);
    });
    for (const { leaf_index_1based, tree_size, proof_hex } of tree.inclusion) {
      const proof = fillProof(planInclusion(leaf_index_1based - 1, tree_size), reader(nodes));
      expect(proof.map(toHex)).toEqual(proof_hex);
    }
    for (const { size1, size2, proof_hex } of tree.consistency) {
      expect(fillProof(planConsistency(size1, size2), reader(nodes)).map(toHex)).toEqual(proof_hex);
    }
  });

  it('makes every proof of the golden log', () => {
    const leaves: Uint8Array[] = vectors.tiled_log_golden.entries_utf8.map((text: string) =>
      leafHash(utf8(text)),
    );
    const { nodes } = grow(emptyEdge, leaves);
    for (const { index, size, proof_base64 } of vectors.DERIVED_from_golden_log.inclusion) {
      expect(fillProof(planInclusion(index, size), reader(nodes)).map(toBase64)).toEqual(proof_base64);
    }
    for (const { size1, size2, proof_base64 } of vectors.DERIVED_from_golden_log.consistency) {
      expect(fillProof(planConsistency(size1, size2), reader(nodes)).map(toBase64)).toEqual(proof_base64);
    }
  });

  it('judges every inclusion probe as they do', () => {
    for (const probe of vectors.inclusion_probes.cases) {
      const verified = verifyInclusion({
        index: probe.leafIdx,
        size: probe.treeSize,
        leaf: fromBase64(probe.leafHash),
        proof: (probe.proof ?? []).map(fromBase64),
        root: fromBase64(probe.root),
      });
      expect(verified, probe.id).toBe(!probe.wantErr);
    }
  });

  it('judges every consistency probe as they do', () => {
    // Where they leave it open (roots that are no hashes), we refuse.
    for (const probe of vectors.consistency_probes.cases) {
      const verified = verifyConsistency({
        olderSize: probe.size1,
        olderRoot: fromBase64(probe.root1),
        newerSize: probe.size2,
        newerRoot: fromBase64(probe.root2),
        proof: (probe.proof ?? []).map(fromBase64),
      });
      expect(verified, probe.id).toBe(!probe.wantErr && !probe.implementation_choice);
    }
  });

  it('finds the real entry of a public log of 476 million in it', () => {
    const real = vectors.real_rekor_v1_entry;
    const claim = {
      index: Number(real.leaf_index),
      size: Number(real.tree_size),
      leaf: leafHash(fromBase64(real.leaf_data_base64)),
      proof: real.proof_base64.map(fromBase64),
      root: fromBase64(real.root_hash_base64),
    };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, index: claim.index - 1 })).toBe(false);
  });
});
