import { assert } from '@perennial/kernel';
import { joinSubtrees, type NodeAddress, splitOf, subtrees } from './tree.js';

/** One hash of a proof, as the full subtrees to be joined for it: so that a store can fetch all of a proof at once. */
export type ProofPlan = readonly (readonly NodeAddress[])[];

/** PATH(index, D[size]) of RFC 6962, section 2.1.1; the leaf's sibling first. */
export function planInclusion(index: number, size: number): ProofPlan {
  assert(Number.isSafeInteger(index) && index >= 0 && index < size, `no leaf ${index} in a tree of ${size}`);
  return pathWithin(index, 0, size);
}

function pathWithin(index: number, start: number, end: number): NodeAddress[][] {
  if (end - start === 1) return [];
  const middle = start + splitOf(end - start);
  return index < middle
    ? [...pathWithin(index, start, middle), subtrees(middle, end)]
    : [...pathWithin(index, middle, end), subtrees(start, middle)];
}

/** PROOF(older, D[newer]) of RFC 6962, section 2.1.2. */
export function planConsistency(older: number, newer: number): ProofPlan {
  assert(older >= 1 && older <= newer, `no consistency proof from ${older} to ${newer} leaves`);
  return subproof(older, 0, newer, true);
}

function subproof(older: number, start: number, end: number, known: boolean): NodeAddress[][] {
  if (older === end) return known ? [] : [subtrees(start, end)];
  const middle = start + splitOf(end - start);
  return older <= middle
    ? [...subproof(older, start, middle, known), subtrees(middle, end)]
    : [...subproof(older, middle, end, false), subtrees(start, middle)];
}

/** The hashes of a proof, given those of the nodes it names. */
export function fillProof(plan: ProofPlan, hashOf: (node: NodeAddress) => Uint8Array): Uint8Array[] {
  return plan.map((nodes) => joinSubtrees(nodes.map(hashOf)));
}
