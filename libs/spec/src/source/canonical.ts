import { canonicalJson, invalid } from '@perennial/kernel';
import type { Change } from '../system/diff.js';
import { type Source, sourceSchema } from './source.js';

/** Canonical JSON of a source: equal documents give equal text, whatever the YAML looked like. */
export function canonicalSource(source: Source): string {
  return canonicalJson(source);
}

/** @throws PlatformError SPEC_JSON_INVALID where the text is not what `canonicalSource` gives */
export function sourceFromJson(json: string): Source {
  const wrong = (why: string) =>
    invalid('SPEC_JSON_INVALID', `document_json: ${why}`, { field: 'document_json' });
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw wrong('this is no JSON');
  }
  const read = sourceSchema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw wrong(`${issue?.path.join('.')}: ${issue?.message}`);
}

/** What differs between two source documents, by member; every member where there was none before. */
export function diffSources(before: Source | undefined, after: Source): Change[] {
  const json = (source: Source | undefined, name: keyof Source) =>
    source?.[name] === undefined ? '' : canonicalJson(source[name]);
  return (['name', 'purpose', 'time', 'key', 'late', 'folders', 's3'] as const)
    .map((path) => ({ path, fromJson: json(before, path), toJson: json(after, path) }))
    .filter(({ fromJson, toJson }) => fromJson !== toJson);
}
