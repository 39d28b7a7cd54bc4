import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '@perennial/artifacts';
import { type Digest, invalid, isDigest } from '@perennial/kernel';

/** Segments as files that DuckDB can read, and files as segments. */
export class SegmentFiles {
  constructor(
    private readonly artifacts: ArtifactStore,
    /** Files on their way. */
    private readonly workDir: string,
  ) {}

  /** The path of a segment's verified file; only to be read. @throws PlatformError SEGMENT_DIGEST_INVALID */
  path(digest: string): Promise<string> {
    if (!isDigest(digest))
      throw invalid('SEGMENT_DIGEST_INVALID', `"${digest}" is no sha256 digest`, { field: 'digest' });
    return this.artifacts.localFile(digest);
  }

  /** Stores what `write` writes to the path it is given. */
  async store(write: (path: string) => Promise<void>): Promise<Digest> {
    const path = join(this.workDir, `${randomUUID()}.parquet`);
    try {
      await write(path);
      return (await this.artifacts.put(await readFile(path))).digest;
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Stores text. */
  async storeText(text: string): Promise<Digest> {
    return (await this.artifacts.put(new TextEncoder().encode(text))).digest;
  }
}
