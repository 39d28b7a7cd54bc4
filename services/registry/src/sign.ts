import { readFileSync } from 'node:fs';
import { invalid, readSigningKey, type SignedModel, signModel } from '@perennial/kernel';
import type { Decision } from './decide/decision.js';
import { deploymentOf } from './decide/deployment.js';
import type { SystemState } from './decide/state.js';

/** A signature over a model version; empty where the registry has no key. */
export type Sign = (model: SignedModel) => string;

/**
 * Signs by the key in the file; without a file nothing is signed, and digests alone vouch for models.
 *
 * @throws PlatformError MODEL_KEY_INVALID
 */
export function signerFrom(file: string | undefined): Sign | undefined {
  if (file === undefined || file === '') return undefined;
  const field = 'PERENNIAL_SIGNING_KEY_FILE';
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (cause) {
    throw invalid('MODEL_KEY_INVALID', `${field}: the file cannot be read`, { cause, field });
  }
  const key = readSigningKey(pem, field);
  return (model) => signModel(key, model);
}

/** The decision with signatures for the versions that it registered, in its state and in what it tells. */
export function withSignatures(before: SystemState, decision: Decision, sign: Sign): Decision {
  const known = new Set(before.models.map(({ version }) => version));
  const signatures = new Map<number, string>();
  for (const { version, digest } of decision.state.models) {
    if (!known.has(version)) signatures.set(version, sign({ name: before.system, version, digest }));
  }
  if (signatures.size === 0) return decision;
  const models = decision.state.models.map((model) => ({
    ...model,
    signature: signatures.get(model.version) ?? model.signature,
  }));
  const state = { ...decision.state, models };
  // A decision tells of its deployment once, as it is in the end.
  const emits = decision.emits.map((emit) =>
    emit.event === 'deploymentUpdated' ? { ...emit, body: deploymentOf(state) } : emit,
  );
  return { ...decision, state, emits };
}
