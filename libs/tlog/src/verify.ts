import { hashBytes, nodeHash, sameHash } from './hash.js';

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** RFC 9162, section 2.1.3.2. False for anything that does not prove it, ill-formed input too. */
export function verifyInclusion({ index, size, leaf, proof, root }: InclusionClaim): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if (![leaf, root, ...proof].every(isHash)) return false;
  let [fn, sn, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && sameHash(hash, root);
}

export interface ConsistencyClaim {
  readonly olderSize: number;
  readonly olderRoot: Uint8Array;
  readonly newerSize: number;
  readonly newerRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * RFC 9162, section 2.1.4.2: whether the newer tree begins with the older one. An empty older tree proves nothing and
 * is refused; anything ill-formed is false.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { olderSize, olderRoot, newerSize, newerRoot } = claim;
  if (!Number.isSafeInteger(olderSize) || !Number.isSafeInteger(newerSize)) return false;
  if (olderSize < 1 || olderSize > newerSize) return false;
  if (![olderRoot, newerRoot, ...claim.proof].every(isHash)) return false;
  if (olderSize === newerSize) return claim.proof.length === 0 && sameHash(olderRoot, newerRoot);
  const proof = isPowerOfTwo(olderSize) ? [olderRoot, ...claim.proof] : [...claim.proof];
  let [fn, sn] = [olderSize - 1, newerSize - 1];
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)];
  const first = proof.shift();
  if (first === undefined) return false;
  let [older, newer] = [first, first];
  for (const hash of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      newer = nodeHash(newer, hash);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && sameHash(older, olderRoot) && sameHash(newer, newerRoot);
}

function isHash(value: Uint8Array): boolean {
  return value.length === hashBytes;
}

/** Division, since shifts of JavaScript are 32 bits wide. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value)) && 2 ** Math.log2(value) === value;
}
