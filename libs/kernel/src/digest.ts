import { createHash } from 'node:crypto';

/** `sha256:<64 hex digits>`: the one name of a blob, wherever it lies. */
export type Digest = `sha256:${string}`;

const pattern = /^sha256:[0-9a-f]{64}$/;

/** The digest of bytes, or of a string's UTF-8 bytes. */
export function digestOf(content: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** The 32 raw bytes of the SHA-256 of the concatenated parts. */
export function sha256(...parts: (Uint8Array | string)[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}
