import { type Digest, invalid, isDigest, PlatformError } from '@perennial/kernel';

export interface StoredArtifact {
  readonly digest: Digest;
  readonly bytes: number;
}

/** Blobs under the SHA-256 of their content. What is read has been verified; what is put twice is kept once. */
export interface ArtifactStore {
  put(content: Uint8Array): Promise<StoredArtifact>;
  /** Streams the file in; it is copied, not moved, and may be of any size. */
  putFile(path: string): Promise<StoredArtifact>;
  /**
   * The content, in memory.
   *
   * @throws PlatformError ARTIFACT_NOT_FOUND (may still be on its way: retry after a while), ARTIFACT_CORRUPT
   */
  get(digest: Digest): Promise<Uint8Array>;
  has(digest: Digest): Promise<boolean>;
  /**
   * A verified local file with the content: the store's own file for the folder backend (never write to it), a
   * cached copy for S3, which stays for at least an hour.
   *
   * @throws PlatformError ARTIFACT_NOT_FOUND, ARTIFACT_CORRUPT
   */
  localFile(digest: Digest): Promise<string>;
}

/**
 * `sha256/<first two hex digits>/<64 hex digits>`: where an artifact lies under a folder or a prefix. Only a
 * well-formed digest becomes one, so that no name from outside can point elsewhere.
 */
export function keyOf(digest: Digest): string {
  if (typeof digest !== 'string' || !isDigest(digest)) {
    throw invalid('DIGEST_INVALID', `digest ${JSON.stringify(digest)} must be "sha256:" and 64 hex digits`, {
      field: 'digest',
    });
  }
  const hex = digest.slice('sha256:'.length);
  return `sha256/${hex.slice(0, 2)}/${hex}`;
}

export function missing(digest: Digest): PlatformError {
  return new PlatformError(
    'ARTIFACT_NOT_FOUND',
    'caller',
    'after',
    `artifact ${digest} is not in the store (yet)`,
  );
}

export function corrupt(digest: Digest, where: string): PlatformError {
  return new PlatformError(
    'ARTIFACT_CORRUPT',
    'us',
    'never',
    `artifact ${digest} is damaged: its content has another digest; put the original content again to mend it`,
    { internal: where },
  );
}
