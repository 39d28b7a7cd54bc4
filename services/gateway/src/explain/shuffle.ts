import { sha256 } from '@perennial/kernel';

/**
 * Orders of 0 … n-1 by Fisher and Yates, drawn from the seed alone: the same seed gives the same orders, on every
 * machine. Random bits are SHA-256 of the seed and a counter.
 */
export function seededShuffle(seed: string): (count: number) => number[] {
  let block = 0;
  let bytes: Uint8Array = new Uint8Array();
  let at = 0;
  const next32 = () => {
    if (at + 4 > bytes.length) {
      bytes = sha256(`${seed}/${block++}`);
      at = 0;
    }
    const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at);
    at += 4;
    return value;
  };
  return (count) => {
    const order = Array.from({ length: count }, (_, index) => index);
    for (let last = count - 1; last > 0; last--) {
      // The bias of this over 2^32 is below one in a million for any number of features that is taken.
      const chosen = next32() % (last + 1);
      [order[last], order[chosen]] = [order[chosen] as number, order[last] as number];
    }
    return order;
  };
}
