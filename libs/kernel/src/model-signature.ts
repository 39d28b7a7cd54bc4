import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';
import { invalid } from './errors.js';

/** What a signature is about: these bytes are this version of this model. */
export interface SignedModel {
  readonly name: string;
  readonly version: number;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
}

/**
 * Ed25519 (RFC 8032) over the canonical JSON of the model with a tag of its own, so that no signature over anything
 * else can be taken for one. Base64. Deterministic: the same key gives the same signature.
 */
export function signModel(key: KeyObject, model: SignedModel): string {
  return sign(null, messageOf(model), key).toString('base64');
}

/** Whether one of the keys signed exactly this. False for what is no signature at all; never throws. */
export function verifyModelSignature(
  keys: readonly KeyObject[],
  model: SignedModel,
  signature: string,
): boolean {
  const bytes = Buffer.from(signature, 'base64');
  if (bytes.length !== signatureBytes) return false;
  const message = messageOf(model);
  return keys.some((key) => verify(null, message, key, bytes));
}

const signatureBytes = 64;

function messageOf({ name, version, digest }: SignedModel): Buffer {
  return Buffer.from(canonicalJson({ type: 'perennial.model.v1', name, version, digest }));
}

/**
 * The private key in a PEM text (PKCS 8).
 *
 * @throws PlatformError MODEL_KEY_INVALID; the message holds nothing of the text
 */
export function readSigningKey(pem: string, field: string): KeyObject {
  return checked(() => createPrivateKey(pem), field, 'one Ed25519 private key in PEM');
}

/**
 * All public keys in a PEM text; several, so that a key can be replaced without a gap. A private key counts as its
 * public half.
 *
 * @throws PlatformError MODEL_KEY_INVALID
 */
export function readModelKeys(pem: string, field: string): KeyObject[] {
  const blocks = pem.match(/-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----/g) ?? [];
  if (blocks.length === 0) throw keyInvalid(field, 'Ed25519 public keys in PEM');
  return blocks.map((block) => checked(() => createPublicKey(block), field, 'Ed25519 public keys in PEM'));
}

function checked(read: () => KeyObject, field: string, wanted: string): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    throw keyInvalid(field, wanted);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw keyInvalid(field, wanted);
  return key;
}

function keyInvalid(field: string, wanted: string) {
  return invalid('MODEL_KEY_INVALID', `${field}: the file must hold ${wanted}`, { field });
}
