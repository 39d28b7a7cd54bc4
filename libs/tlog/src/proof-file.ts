import { invalid } from '@perennial/kernel';
import { decodeBase64, encodeBase64 } from './base64.js';
import { type Checkpoint, parseCheckpoint } from './checkpoint.js';
import { hashBytes, leafHash } from './hash.js';
import type { NoteVerifier } from './keys.js';
import { openNote } from './note.js';
import { verifyInclusion } from './verify.js';

const head = 'c2sp.org/tlog-proof@v1';

/** A C2SP tlog-proof: all that shows, offline, that an entry is in a log. */
export interface ProofFile {
  readonly index: number;
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, whole. */
  readonly checkpoint: string;
  /** Data of the application that the proof does not cover. */
  readonly extra?: Uint8Array;
}

export function formatProof({ index, proof, checkpoint, extra }: ProofFile): string {
  const lines = [
    head,
    ...(extra ? [`extra ${encodeBase64(extra)}`] : []),
    `index ${index}`,
    ...proof.map(encodeBase64),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** @throws PlatformError PROOF_MALFORMED */
export function parseProof(text: string): ProofFile {
  const end = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(end, 0)).split('\n');
  const first = lines.shift();
  const extraText = lines[0]?.startsWith('extra ') ? lines.shift()?.slice('extra '.length) : undefined;
  const extra = extraText === undefined ? undefined : decodeBase64(extraText);
  const indexText = /^index (0|[1-9]\d*)$/.exec(lines.shift() ?? '')?.[1];
  const index = Number(indexText ?? Number.NaN);
  const proof = lines.map((line) => decodeBase64(line) ?? new Uint8Array());
  const badExtra = extraText !== undefined && extra === undefined;
  const badHash = proof.some((hash) => hash.length !== hashBytes);
  if (end < 0 || first !== head || badExtra || badHash || !Number.isSafeInteger(index)) {
    throw invalid('PROOF_MALFORMED', `a proof begins with "${head}", an index and hashes, then a blank line`);
  }
  return { index, proof, checkpoint: text.slice(end + 2), ...(extra && { extra }) };
}

/**
 * Checks, with nothing but the log's name and key, that `entry` is in the log.
 *
 * @throws PlatformError PROOF_MALFORMED, PROOF_INVALID, and those of `openNote`
 */
export function verifyProof(
  entry: Uint8Array,
  file: string,
  log: { origin: string; verifiers: readonly NoteVerifier[] },
): Checkpoint & { readonly index: number } {
  const { index, proof, checkpoint } = parseProof(file);
  const signed = parseCheckpoint(openNote(checkpoint, log.verifiers).text);
  if (signed.origin !== log.origin) {
    throw invalid('PROOF_INVALID', `the proof is for the log "${signed.origin}", not "${log.origin}"`);
  }
  if (!verifyInclusion({ index, size: signed.size, leaf: leafHash(entry), proof, root: signed.root })) {
    throw invalid('PROOF_INVALID', `the proof does not show that this entry is number ${index} of the log`);
  }
  return { ...signed, index };
}
