import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { invalid } from '@perennial/kernel';
import { ZstdFrames } from './zstd-frames.js';

export const encodings = ['', 'gzip', 'zstd'] as const;
export type Encoding = (typeof encodings)[number];

/** A block of four bytes may become 128 KiB: so many bytes of a packed body become 16 MiB at once at most. */
const zstdSliceBytes = 512;

/**
 * Unpacks pieces as they come. How much comes out is for the reader to bound.
 *
 * @throws PlatformError BODY_MALFORMED where they are not packed as said
 */
export function decompressed(
  pieces: AsyncIterable<Uint8Array>,
  encoding: Encoding,
): AsyncIterable<Uint8Array> {
  if (encoding === 'gzip') return gunzipped(pieces);
  return encoding === 'zstd' ? unzstd(pieces) : pieces;
}

async function* gunzipped(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: 1 << 18 });
  // What fails in the source must not be taken for a fault of the packing.
  let broken: { readonly error: unknown } | undefined;
  const source = async function* () {
    const iterator = pieces[Symbol.asyncIterator]();
    const next = () =>
      iterator.next().catch((error: unknown) => {
        broken = { error };
        throw error;
      });
    try {
      // What is thrown in at the yield is the packing's own fault, which ends the stream.
      for (let piece = await next(); !piece.done; piece = await next()) yield piece.value;
    } finally {
      await iterator.return?.();
    }
  };
  pipeline(Readable.from(source(), { objectMode: false }), gunzip, () => {});
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw broken ? broken.error : malformed('gzip', cause);
  }
}

async function* unzstd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Few bodies are packed so; the decoder is loaded for the first one.
  const { Decompress } = await import('fzstd');
  let out: Uint8Array[] = [];
  const decoder = new Decompress((piece) => {
    if (piece.byteLength) out.push(piece);
  });
  const frames = new ZstdFrames();
  for await (const piece of pieces) {
    frames.check(piece);
    for (let at = 0; at < piece.byteLength; at += zstdSliceBytes) {
      try {
        decoder.push(piece.subarray(at, at + zstdSliceBytes));
      } catch (cause) {
        throw malformed('zstd', cause);
      }
      yield* out;
      out = [];
    }
  }
  try {
    decoder.push(new Uint8Array(0), true);
  } catch (cause) {
    throw malformed('zstd', cause);
  }
  yield* out;
}

function malformed(encoding: string, cause: unknown) {
  return invalid(
    'BODY_MALFORMED',
    `the body is not ${encoding} to its end: ${String((cause as Error).message)}`,
    {
      cause,
    },
  );
}
