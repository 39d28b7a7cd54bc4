import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { invalid, sha256 } from '@perennial/kernel';
import { decodeBase64, encodeBase64 } from './base64.js';

/** Types of C2SP signed-note keys that we know. */
const ed25519 = 1;
const cosignatureV1 = 4;
const keyBytes = 32;
/** The DER head of a PKCS#8 Ed25519 private key; the 32-byte seed follows. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Who may have signed a note. */
export interface NoteVerifier {
  readonly name: string;
  /** The first four bytes of SHA-256(name, newline, type, key). */
  readonly id: number;
  verify(text: string, signature: Uint8Array): boolean;
}

/** A key that signs notes. */
export interface NoteSigner {
  readonly name: string;
  readonly id: number;
  /** `<name>+<8 hex>+<base64>`: what a verifier must be given, over a channel it trusts. */
  readonly verifierKey: string;
  sign(text: string): Uint8Array;
}

/** A fresh key in the textual form that `noteSigner` reads. Keep it secret. */
export function makeSignerKey(name: string): string {
  const seed = generateKeyPairSync('ed25519')
    .privateKey.export({ format: 'der', type: 'pkcs8' })
    .subarray(-keyBytes);
  const typed = Buffer.concat([Uint8Array.of(ed25519), seed]);
  return `PRIVATE+KEY+${checkedName(name)}+${hex(keyId(name, publicOf(privateKey(seed))))}+${encodeBase64(typed)}`;
}

/**
 * Reads a signer's key, `PRIVATE+KEY+<name>+<8 hex>+<base64>`.
 *
 * @throws PlatformError NOTE_KEY_INVALID, which never shows the key
 */
export function noteSigner(key: string): NoteSigner {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(key.trim());
  const [name = '', hash, encoded = ''] = match?.slice(1) ?? [];
  const typed = decodeBase64(encoded);
  if (!match || !isKeyName(name) || typed?.length !== keyBytes + 1 || typed[0] !== ed25519) {
    throw invalid('NOTE_KEY_INVALID', 'the signing key must be "PRIVATE+KEY+<name>+<8 hex digits>+<base64>"');
  }
  const secret = privateKey(typed.subarray(1));
  const typedPublic = publicOf(secret);
  const id = keyId(name, typedPublic);
  if (hex(id) !== hash) {
    throw invalid('NOTE_KEY_INVALID', `the signing key of "${name}" is damaged: its key id differs`);
  }
  return {
    name,
    id,
    verifierKey: `${name}+${hash}+${encodeBase64(typedPublic)}`,
    sign: (text) => sign(null, Buffer.from(text), secret),
  };
}

/**
 * Reads a verifier's key, `<name>+<8 hex>+<base64>`: of a log (type 1) or of a cosigning witness (type 4).
 *
 * @throws PlatformError NOTE_KEY_INVALID
 */
export function noteVerifier(key: string): NoteVerifier {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(key);
  const [name = '', hash, encoded = ''] = match?.slice(1) ?? [];
  const typed = decodeBase64(encoded);
  const type = typed?.[0];
  const known = typed?.length === keyBytes + 1 && (type === ed25519 || type === cosignatureV1);
  if (!match || !isKeyName(name) || !typed || !known || hex(keyId(name, typed)) !== hash) {
    throw invalid(
      'NOTE_KEY_INVALID',
      `verifier key "${key}" must be "<name>+<8 hex digits of the key id>+<base64 of a type 1 or 4 key>"`,
    );
  }
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(typed.subarray(1)).toString('base64url') },
    format: 'jwk',
  });
  const plain = (text: string, signature: Uint8Array) =>
    verify(null, Buffer.from(text), publicKey, signature);
  return { name, id: keyId(name, typed), verify: type === ed25519 ? plain : cosigned(plain) };
}

/** C2SP tlog-cosignature v1: eight bytes of seconds, then the signature over both. */
function cosigned(plain: NoteVerifier['verify']): NoteVerifier['verify'] {
  return (text, signature) => {
    if (signature.length !== 8 + 64) return false;
    const seconds = Buffer.from(signature.subarray(0, 8)).readBigUInt64BE();
    return plain(`cosignature/v1\ntime ${seconds}\n${text}`, signature.subarray(8));
  };
}

/** A key's name has no white space and no plus sign. */
export function isKeyName(name: string): boolean {
  return name !== '' && !/[\s+\p{White_Space}\p{Cc}]/u.test(name);
}

function checkedName(name: string): string {
  if (isKeyName(name)) return name;
  throw invalid('NOTE_KEY_INVALID', `key name "${name}" must be without spaces and plus signs`);
}

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}

function publicOf(secret: KeyObject): Uint8Array {
  const { x = '' } = createPublicKey(secret).export({ format: 'jwk' });
  return Buffer.concat([Uint8Array.of(ed25519), Buffer.from(x, 'base64url')]);
}

function keyId(name: string, typedKey: Uint8Array): number {
  return Buffer.from(sha256(name, '\n', typedKey)).readUInt32BE();
}

function hex(id: number): string {
  return id.toString(16).padStart(8, '0');
}
