import type { PlatformError } from '@perennial/kernel';

/** What a reader may be given: a text, or bytes. */
type Input = string | Uint8Array;

export interface FuzzOptions {
  /** How many broken inputs; each comes from one of the seeds. */
  count?: number;
  /** Errors, other than our own, that the reader's docstring promises. */
  allowed?: readonly (new (
    ...words: never[]
  ) => Error)[];
}

/** What broke readers in the field: ends of ranges, control characters, long digits, and the grammar of the text kinds. */
const splices = [
  '',
  '\0',
  '\r\n',
  '\n\n',
  '"',
  '""',
  "'",
  '\\',
  '\\u0000',
  '{',
  '}',
  '[',
  ']',
  '[[[[[[[[[[[[[[[[',
  '((((((((((((((((',
  ':',
  '- ',
  '&a *a',
  '<<: *a',
  '!!js/function',
  '__proto__',
  'constructor',
  'null',
  'true',
  '-0',
  '1e999',
  '-1e-999',
  '9007199254740993',
  '18446744073709551616',
  '0x10',
  'NaN',
  '2026-02-30T25:61:61Z',
  '\uFEFF',
  '\uD800',
  '🙂',
  '\u202E',
  'a'.repeat(300),
  '9'.repeat(400),
];

/** A generator of its own (mulberry32), so that a failing run is the same run again. */
function drawing(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** One change of some bytes: cut, flip, repeat, drop, or splice something in. */
function mutate(bytes: Uint8Array, draw: (below: number) => number): Uint8Array {
  const at = draw(bytes.length + 1);
  const to = Math.min(bytes.length, at + 1 + draw(16));
  switch (draw(6)) {
    case 0:
      return bytes.slice(0, at);
    case 1: {
      const flipped = bytes.slice();
      if (at < flipped.length) flipped[at] = (flipped[at] as number) ^ (1 << draw(8));
      return flipped;
    }
    case 2:
      return joined([bytes.slice(0, to), bytes.slice(at)]);
    case 3:
      return joined([bytes.slice(0, at), bytes.slice(to)]);
    case 4: {
      const written = bytes.slice();
      written.fill(draw(2) ? 0xff : draw(256), at, to);
      return written;
    }
    default: {
      const splice = Buffer.from(splices[draw(splices.length)] as string);
      return joined([bytes.slice(0, at), splice, bytes.slice(draw(2) ? at : to)]);
    }
  }
}

/** Broken forms of what a reader takes, the same ones in every run; each has one to four changes. */
export function* mutants(seeds: readonly Input[], count: number): Generator<Uint8Array> {
  const draw = drawing(count);
  for (let made = 0; made < count; made++) {
    let bytes: Uint8Array = Buffer.from(seeds[made % seeds.length] as string);
    for (let change = draw(4); change >= 0; change--) bytes = mutate(bytes, draw);
    yield bytes;
  }
}

/** By name and not by class: the kernel's own tests have the class twice, from its source and from what is built. */
function isTyped(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || thrown.name !== 'PlatformError') return false;
  const { fault, code, message } = thrown as PlatformError;
  return fault === 'caller' && code !== '' && message !== '';
}

/**
 * Gives a reader broken inputs: it must read each or refuse it with a typed error that says something. A hang shows as
 * the time limit of the test.
 *
 * @param read gets the bytes; a reader of texts decodes them
 * @returns how many were read and how many refused, so that a test can see that both happened
 * @throws Error with the input in base64, where the reader threw anything else
 */
export async function withstands(
  seeds: readonly Input[],
  read: (bytes: Uint8Array) => unknown,
  { count = 4000, allowed = [] }: FuzzOptions = {},
): Promise<{ read: number; refused: number }> {
  const seen = { read: 0, refused: 0 };
  for (const bytes of mutants(seeds, count)) {
    try {
      await read(bytes);
      seen.read++;
    } catch (thrown) {
      if (!isTyped(thrown) && !allowed.some((kind) => thrown instanceof kind)) {
        throw new Error(`an untyped error for the input ${Buffer.from(bytes).toString('base64')}`, {
          cause: thrown,
        });
      }
      seen.refused++;
    }
  }
  return seen;
}
