/**
 * Which of the given replicas should hold a model that none holds yet: the same one every time, whoever asks, and when
 * one joins or leaves only its own models move (highest random weight hashing, Thaler and Ravishankar 1998).
 */
export function homeOf<T>(
  digest: string,
  replicas: readonly T[],
  nameOf: (replica: T) => string,
): T | undefined {
  let home: T | undefined;
  let highest = -1;
  for (const replica of replicas) {
    const weight = hash(`${digest}/${nameOf(replica)}`);
    if (weight > highest) {
      highest = weight;
      home = replica;
    }
  }
  return home;
}

/** FNV-1a with a final mix (murmur3's), so that names that differ in one letter differ everywhere. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
