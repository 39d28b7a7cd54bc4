import { canonicalJson, type Digest, digestOf, invalid } from '@perennial/kernel';
import { type SchemaDocument, schemaDocument } from './schema.js';

/** Canonical JSON of a schema: equal schemas give equal text, whatever the YAML looked like. */
export function canonicalSchema(schema: SchemaDocument): string {
  return canonicalJson(schema);
}

export function schemaDigest(schema: SchemaDocument): Digest {
  return digestOf(canonicalSchema(schema));
}

/** @throws PlatformError SCHEMA_JSON_INVALID where the text is not what `canonicalSchema` gives */
export function schemaFromJson(json: string): SchemaDocument {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalid('SCHEMA_JSON_INVALID', 'schema_json: this is no JSON', { field: 'schema_json' });
  }
  const read = schemaDocument.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw invalid('SCHEMA_JSON_INVALID', `schema_json: ${issue?.path.join('.')}: ${issue?.message}`, {
    field: 'schema_json',
  });
}
