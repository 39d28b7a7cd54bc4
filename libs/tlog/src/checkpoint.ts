import { invalid } from '@perennial/kernel';
import { decodeBase64, encodeBase64 } from './base64.js';
import { hashBytes } from './hash.js';

/** What a log says of itself (C2SP tlog-checkpoint); signed, it is the text of a note. */
export interface Checkpoint {
  /** The log's name. It need not be the name of the key that signs. */
  readonly origin: string;
  /** Leaves. */
  readonly size: number;
  readonly root: Uint8Array;
}

export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/**
 * Reads the text of an opened note; extension lines are allowed and passed over.
 *
 * @throws PlatformError CHECKPOINT_MALFORMED
 */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', sizeText = '', rootText = ''] = text.split('\n');
  const root = decodeBase64(rootText);
  const size = /^(0|[1-9]\d*)$/.test(sizeText) ? Number(sizeText) : Number.NaN;
  if (origin === '' || !Number.isSafeInteger(size) || root?.length !== hashBytes || !text.endsWith('\n')) {
    throw invalid(
      'CHECKPOINT_MALFORMED',
      'a checkpoint is three lines: origin, size in decimal, root in base64',
    );
  }
  return { origin, size, root };
}
