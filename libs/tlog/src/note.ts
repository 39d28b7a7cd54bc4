import { invalid, type PlatformError } from '@perennial/kernel';
import { decodeBase64, encodeBase64 } from './base64.js';
import { isKeyName, type NoteSigner, type NoteVerifier } from './keys.js';

/** As the reference implementation: a note is for people, not a place to hide megabytes. */
const signaturesMax = 100;

export interface OpenNote {
  /** With its final newline. */
  readonly text: string;
  /** Names of the given verifiers that signed; at least one. */
  readonly verified: readonly string[];
  /** Names on signatures of keys that were not given. */
  readonly unverified: readonly string[];
}

/** Signs a text (which ends in a newline) as a C2SP signed note. */
export function signNote(text: string, signer: NoteSigner): string {
  if (!text.endsWith('\n') || hasControls(text))
    throw malformed('the text must end in a newline and have no controls');
  const id = Buffer.alloc(4);
  id.writeUInt32BE(signer.id);
  return `${text}\n— ${signer.name} ${encodeBase64(Buffer.concat([id, signer.sign(text)]))}\n`;
}

/**
 * Opens a signed note. Signatures of unknown keys are passed over; one of a known key that does not hold refuses all.
 *
 * @throws PlatformError NOTE_MALFORMED, NOTE_SIGNATURE_INVALID, NOTE_UNVERIFIED (none of the given keys signed it)
 */
export function openNote(note: string | Uint8Array, verifiers: readonly NoteVerifier[]): OpenNote {
  const { text, signatures } = parseNote(note);
  const verified: string[] = [];
  const unverified: string[] = [];
  const seen = new Set<string>();
  for (const { name, id, signature } of signatures) {
    const key = `${name}+${id}`;
    const verifier = verifiers.find((each) => each.name === name && each.id === id);
    // A repeated signature of one key adds nothing.
    if (verifier && seen.has(key)) continue;
    seen.add(key);
    if (!verifier) unverified.push(name);
    else if (verifier.verify(text, signature)) verified.push(name);
    else throw invalid('NOTE_SIGNATURE_INVALID', `the signature of "${name}" does not fit the note`);
  }
  if (verified.length === 0) throw invalid('NOTE_UNVERIFIED', 'no given key signed the note');
  return { text, verified, unverified };
}

interface NoteSignature {
  readonly name: string;
  readonly id: number;
  readonly signature: Uint8Array;
}

function parseNote(note: string | Uint8Array): { text: string; signatures: NoteSignature[] } {
  const message = typeof note === 'string' ? note : decodeUtf8(note);
  if (hasControls(message)) throw malformed('it has control characters');
  const end = message.lastIndexOf('\n\n');
  if (end < 0) throw malformed('no blank line ends its text');
  const block = message.slice(end + 2);
  if (!block.endsWith('\n')) throw malformed('its last line is not ended');
  const lines = block.slice(0, -1).split('\n');
  if (lines.length > signaturesMax) throw malformed(`it has over ${signaturesMax} signatures`);
  return { text: message.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const match = /^— (\S+) (\S+)$/.exec(line);
  const bytes = decodeBase64(match?.[2] ?? '');
  const name = match?.[1] ?? '';
  if (!bytes || bytes.length < 5 || !isKeyName(name)) throw malformed('a signature line is none');
  return { name, id: Buffer.from(bytes).readUInt32BE(), signature: bytes.subarray(4) };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed('it is no UTF-8');
  }
}

function hasControls(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 && code !== 0x0a) return true;
  }
  return false;
}

function malformed(why: string): PlatformError {
  return invalid('NOTE_MALFORMED', `this is no signed note: ${why}`);
}
