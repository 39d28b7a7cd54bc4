import { canonicalJson, type Digest, digestOf, invalid } from '@perennial/kernel';
import { type System, systemSchema } from './system.js';

/** Canonical JSON of a system: equal systems give equal text, whatever the YAML looked like. */
export function canonicalSystem(system: System): string {
  return canonicalJson(system);
}

/** @throws PlatformError SPEC_JSON_INVALID where the text is not what `canonicalSystem` gives */
export function systemFromJson(json: string): System {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalid('SPEC_JSON_INVALID', 'spec_json: this is no JSON', { field: 'spec_json' });
  }
  const read = systemSchema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw invalid('SPEC_JSON_INVALID', `spec_json: ${issue?.path.join('.')}: ${issue?.message}`, {
    field: 'spec_json',
  });
}

export function systemDigest(system: System): Digest {
  return digestOf(canonicalSystem(system));
}
