import type { OperationsService } from '@perennial/contracts';
import { PlatformError, unavailable } from '@perennial/kernel';
import type { Client } from '@perennial/service';
import type { Roots } from './reach.js';

/** Services that keep names of artifacts. Others may be asked as well; none of these may be left out. */
export const keepers = [
  'audit',
  'featurize',
  'ingest',
  'monitor',
  'registry',
  'trainer',
  'validate',
] as const;

/** One service looks through all of its tables. */
const askTimeoutMs = 10 * 60_000;

export type Operations = ReadonlyMap<string, Client<typeof OperationsService>>;

/**
 * What every service needs; `each` is told of every one by itself.
 *
 * @throws PlatformError NEEDS_UNKNOWN where one of them cannot be asked: then nothing is known
 */
export async function neededBy(
  services: Operations,
  each?: (name: string, digests: ReadonlySet<string>) => void,
): Promise<Roots> {
  const absent = keepers.filter((name) => !services.has(name));
  if (absent.length > 0) {
    throw new PlatformError(
      'NEEDS_UNKNOWN',
      'us',
      'never',
      `nothing is deleted: PERENNIAL_PEERS of ingest does not say where ${absent.join(', ')} listens, so what it needs is not known`,
      { field: 'PERENNIAL_PEERS' },
    );
  }
  const digests = new Set<string>();
  const alone = new Set<string>();
  for (const [name, service] of services) {
    const own = new Set<string>();
    try {
      for await (const part of service.listNeededArtifacts({}, { timeoutMs: askTimeoutMs })) {
        for (const digest of part.digests) digests.add(digest);
        for (const digest of part.digestsAlone) alone.add(digest);
        for (const digest of [...part.digests, ...part.digestsAlone]) own.add(digest);
      }
      each?.(name, own);
    } catch (cause) {
      throw unavailable(
        'NEEDS_UNKNOWN',
        `nothing is deleted: ${name} does not say what it needs; ask again when it answers`,
        { cause, internal: (cause as Error).message },
      );
    }
  }
  return { digests, alone };
}
