import type { Leak } from './decide/leak.js';

/** A leak as events and answers say it. */
export function leakMessage({ kind, features, relation, evidence, strength, rows, rowsHolding }: Leak) {
  return {
    kind,
    features: [...features],
    relation,
    evidence,
    strength,
    rows: BigInt(rows),
    rowsHolding: BigInt(rowsHolding),
  };
}
