import { createHash, randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, PlatformError } from '@perennial/kernel';

/** A file that came in pieces. */
export interface SpooledFile {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of the content, 64 hex digits. */
  readonly sha256: string;
}

/**
 * Takes pieces into a file of `dir` and gives it to `work`; the file is gone afterwards.
 *
 * @throws PlatformError FILE_TOO_LARGE, INGEST_BUSY
 */
export async function spooled<T>(
  pieces: AsyncIterable<Uint8Array>,
  { dir, bytesMax }: { dir: string; bytesMax: number },
  work: (file: SpooledFile) => Promise<T>,
): Promise<T> {
  const path = join(dir, randomUUID());
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const piece of pieces) {
        bytes += piece.byteLength;
        if (bytes > bytesMax) {
          throw invalid('FILE_TOO_LARGE', `the file has more than ${bytesMax} bytes; send it in parts`);
        }
        hash.update(piece);
        await file.writeFile(piece).catch(noRoom);
      }
    } finally {
      await file.close();
    }
    return await work({ path, bytes, sha256: hash.digest('hex') });
  } finally {
    await rm(path, { force: true });
  }
}

/** @throws PlatformError INGEST_BUSY where the disk is full: it is not the sender's fault, and room comes back */
function noRoom(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') throw error;
  const message =
    'there is no room for this body at the moment; nothing of it was taken, send it again later';
  throw new PlatformError('INGEST_BUSY', 'dependency', 'after', message, {
    retryAfterMs: 30_000,
    cause: error,
  });
}
