/** Numbers in [0, 1) that a seed decides: 32 bits, mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const words = [
  '-1',
  '1e999',
  '18446744073709551616',
  'null',
  '[',
  '{}',
  '"',
  '\\u0000',
  '[[[[',
  '9'.repeat(400),
];

/** A copy with some mistakes: bytes changed, lost or repeated, the end cut off, words put in. */
export function mutated(seed: Buffer, random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(seed);
  const place = () => Math.floor(random() * (bytes.length + 1));
  for (let mistakes = 1 + Math.floor(random() * 4); mistakes > 0; mistakes--) {
    const at = place();
    const end = at + Math.floor(random() * 16);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    const changed: (() => Buffer)[] = [
      () => Buffer.concat([before, Buffer.from([Math.floor(random() * 256)]), bytes.subarray(at + 1)]),
      () => Buffer.concat([before, bytes.subarray(end)]),
      () => Buffer.concat([before, bytes.subarray(at, end), after]),
      () => Buffer.concat([before, Buffer.from(words[Math.floor(random() * words.length)] ?? ''), after]),
      () => before,
    ];
    bytes = (changed[Math.floor(random() * changed.length)] ?? (() => bytes))();
  }
  return bytes;
}
