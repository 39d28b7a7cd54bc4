import { randomBytes } from 'node:crypto';
import { sha256 } from '@perennial/kernel';

/** What every key begins with, so that scanners find one that got about. */
export const keyPrefix = 'pk_';

export interface NewSecret {
  /** The whole text: shown once, kept nowhere. */
  readonly text: string;
  /** Hexadecimal digits. */
  readonly sha256: string;
}

export function newKeyId(): string {
  return randomBytes(8).toString('hex');
}

/** `pk_<id>_<secret>` with a secret of 256 bits: too much to guess, so that its plain SHA-256 tells nothing. */
export function newSecret(keyId: string): NewSecret {
  const text = `${keyPrefix}${keyId}_${randomBytes(32).toString('base64url')}`;
  return { text, sha256: Buffer.from(sha256(text)).toString('hex') };
}
