import { invalid } from '@perennial/kernel';
import { nearest } from './nearest.js';
import { SpecFile } from './system/problems.js';

const kinds = ['System', 'Source', 'Schema'] as const;
export type DocumentKind = (typeof kinds)[number];

/**
 * What a document declares, by its `kind`.
 *
 * @throws PlatformError SPEC_INVALID where it is no YAML or of no kind that is known
 */
export function documentKind(yaml: string): DocumentKind {
  const { value } = new SpecFile(yaml);
  const given =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['kind'] : undefined;
  const found = kinds.find((kind) => kind === given);
  if (found) return found;
  const meant = typeof given === 'string' ? nearest(given, kinds) : undefined;
  const hint = meant ? `did you mean "${meant}"?` : `write ${kinds.join(', ')}`;
  throw invalid(
    'SPEC_INVALID',
    `kind: ${given === undefined ? 'it is missing' : JSON.stringify(given)}; ${hint}`,
    {
      field: 'kind',
    },
  );
}
