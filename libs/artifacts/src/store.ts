import { type Digest, invalid, isDigest, PlatformError } from '@perennial/kernel';

export interface StoredArtifact {
  readonly digest: Digest;
  readonly bytes: number;
}

/** An artifact as it lies in the store. */
export interface ListedArtifact extends StoredArtifact {
  /** Ms since the epoch: when it was put last, by anybody. */
  readonly modifiedAt: number;
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
  /**
   * The content in pieces, not verified: for looking at what an artifact is without reading all of it.
   *
   * @throws PlatformError ARTIFACT_NOT_FOUND
   */
  read(digest: Digest): Promise<AsyncIterable<Uint8Array>>;
  /** Everything there is, in no order; what comes or goes meanwhile may be missed or named. */
  list(): AsyncIterable<ListedArtifact>;
  /**
   * Deletes an artifact that nobody has put since `notSince` (ms since the epoch). Putting content that is there counts:
   * whoever has just put it will need it.
   *
   * @returns whether it is gone
   */
  remove(digest: Digest, notSince: number): Promise<boolean>;
  /**
   * Deletes the content for good and keeps, in its place, which artifact has what is left of it: reading the old digest
   * gives the other's content from then on, and putting the old content again brings nothing back.
   *
   * @param by undefined where nothing is left: reading gives ARTIFACT_NOT_FOUND
   */
  erase(digest: Digest, by: Digest | undefined): Promise<void>;
  /** What stands in place of erased content: another digest, '' for nothing, undefined where it was not erased. */
  erasedBy(digest: Digest): Promise<Digest | '' | undefined>;
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

/** Where it stands what came in place of an erased artifact. */
export function erasedKeyOf(digest: Digest): string {
  return keyOf(digest).replace(/^sha256/, 'erased');
}

/** The digest of a key that ends as `keyOf` says; undefined for anything else. */
export function digestOfKey(key: string): Digest | undefined {
  const hex = /(?:^|\/)sha256\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/.exec(key)?.[2];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** What a file or an object that stands in place of an erased artifact says. */
export function successorIn(text: string): Digest | '' {
  return isDigest(text) ? text : '';
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
