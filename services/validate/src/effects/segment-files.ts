import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArtifactStore } from '@perennial/artifacts';
import { type Digest, invalid, isDigest } from '@perennial/kernel';

/** Segments as files that DuckDB can read, and files as segments. */
export class SegmentFiles {
  constructor(private readonly artifacts: ArtifactStore) {}

  /** Gives the segment's path to `work`; the file is gone afterwards. */
  async read<T>(digest: string, work: (path: string) => Promise<T>): Promise<T> {
    if (!isDigest(digest))
      throw invalid('SEGMENT_DIGEST', `"${digest}" is no sha256 digest`, { field: 'digest' });
    return withFolder(async (folder) => {
      const path = join(folder, 'segment.parquet');
      await writeFile(path, await this.artifacts.get(digest));
      return work(path);
    });
  }

  /** Stores what `write` writes to the path it is given. */
  async store(write: (path: string) => Promise<void>): Promise<Digest> {
    return withFolder(async (folder) => {
      const path = join(folder, 'segment.parquet');
      await write(path);
      return (await this.artifacts.put(await readFile(path))).digest;
    });
  }
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'perennial-validate-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
