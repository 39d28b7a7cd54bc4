import { readFileSync } from 'node:fs';
import {
  invalid,
  PlatformError,
  readModelKeys,
  type SignedModel,
  verifyModelSignature,
} from '@perennial/kernel';

/** @throws PlatformError MODEL_SIGNATURE_INVALID for a model that none of the keys signed */
export type VerifyModel = (model: SignedModel, signature: string) => void;

/**
 * Refuses every model that is not signed by a key in the file; without a file digests alone vouch for models.
 *
 * @throws PlatformError MODEL_KEY_INVALID where the file holds no Ed25519 public keys
 */
export function modelVerifier(file: string | undefined): VerifyModel | undefined {
  if (file === undefined || file === '') return undefined;
  const field = 'PERENNIAL_MODEL_KEYS_FILE';
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid('MODEL_KEY_INVALID', `${field}: the file cannot be read`, { cause, field });
  }
  const keys = readModelKeys(pem, field);
  return (model, signature) => {
    if (verifyModelSignature(keys, model, signature)) return;
    const why = signature === '' ? 'has no signature' : 'has a signature that no known key made';
    throw new PlatformError(
      'MODEL_SIGNATURE_INVALID',
      'us',
      'never',
      `version ${model.version} of '${model.name}' ${why}; it is not loaded`,
    );
  };
}
