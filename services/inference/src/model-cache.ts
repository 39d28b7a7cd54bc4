import { readFile } from 'node:fs/promises';
import { ArtifactCache, type ArtifactStore } from '@perennial/artifacts';
import type { Log } from '@perennial/bus';
import type { Digest } from '@perennial/kernel';

const MiB = 1024 * 1024;

/**
 * Model files on the local disk, by digest and verified whenever they are read: a model that is paged in again needs no
 * artifact store. A disk that is full or gone costs a copy, and no answer.
 */
export async function openModelCache(o: {
  readonly artifacts: ArtifactStore;
  readonly dir: string;
  readonly cacheMiB: number;
  readonly log: Log;
}): Promise<(digest: Digest) => Promise<Uint8Array>> {
  // A file is read whole at once: nothing holds on to its path, so that any may go.
  const cache = await new ArtifactCache(o.dir, o.cacheMiB * MiB, 0).open();
  return async (digest) => {
    const file = await cache.find(digest).catch(() => undefined);
    const kept = file === undefined ? undefined : await readFile(file).catch(() => undefined);
    if (kept) return kept;
    const bytes = await o.artifacts.get(digest);
    await cache
      .fill(digest, () => [bytes])
      .catch((error: unknown) => o.log.warn('a model file could not be kept on disk', { digest, error }));
    return bytes;
  };
}
