import type { ArtifactStore } from '@perennial/artifacts';
import { invalid, isDigest } from '@perennial/kernel';

/** Files looked up at once: each is read and hashed. */
const lookupsMax = 16;

/** The local files of digests, in order. */
export async function localFiles(artifacts: ArtifactStore, digests: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (let start = 0; start < digests.length; start += lookupsMax) {
    const part = digests.slice(start, start + lookupsMax);
    files.push(...(await Promise.all(part.map((digest) => localFile(artifacts, digest)))));
  }
  return files;
}

/** @throws PlatformError SEGMENT_DIGEST_INVALID; ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT of the store */
export function localFile(artifacts: ArtifactStore, digest: string): Promise<string> {
  if (isDigest(digest)) return artifacts.localFile(digest);
  throw invalid('SEGMENT_DIGEST_INVALID', `digest: "${digest}" is no sha256 digest`, { field: 'digest' });
}
