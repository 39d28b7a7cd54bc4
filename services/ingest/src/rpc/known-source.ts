import { isName } from '@perennial/contracts';
import { invalid, notFound, waitFor } from '@perennial/kernel';
import { findSource, type SourceReading, sourceNames } from '../sources/store.js';
import type { Store } from '../store.js';

/** How long the event of a system that was applied a moment ago may take to come here. */
const waitMsMax = 5_000;

/**
 * How rows of this source are read. A source whose system was applied just now is waited for.
 *
 * @throws PlatformError SOURCE_NOT_FOUND, naming those that are known
 */
export async function knownSource(db: Store, tenant: string, source: string): Promise<SourceReading> {
  checkName('source', source);
  const found = await waitFor('the source', () => findSource(db, tenant, source), {
    withinMs: waitMsMax,
    everyMs: 50,
  }).catch(() => findSource(db, tenant, source));
  if (found) return found;
  const names = await sourceNames(db, tenant);
  const known = names.length ? `known are ${names.join(', ')}` : 'none is known yet';
  throw notFound(
    'SOURCE_NOT_FOUND',
    `source: no system describes "${source}" (${known}); declare it with perennial sources add ${source} --time <column>, or apply a system.yaml with this source first`,
    { field: 'source' },
  );
}

/** @throws PlatformError NAME_INVALID */
export function checkName(field: string, name: string): void {
  if (isName(name)) return;
  throw invalid(
    'NAME_INVALID',
    `${field}: "${name.slice(0, 80)}" must be 1 to 64 characters of a-z, 0-9, "-" and "_", beginning with a letter or digit`,
    { field },
  );
}
