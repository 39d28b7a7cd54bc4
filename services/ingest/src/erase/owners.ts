import { type Kysely, sql } from 'kysely';
import type { DatasetName } from '../datasets/store.js';
import type { DatasetDb } from '../datasets/tables.js';
import { neededBy, type Operations } from '../garbage/ask-services.js';

/** What a file is to the service that keeps its name; the first that does so says it. */
const whatOf: readonly [service: string, what: string][] = [
  ['ingest', 'segment'],
  ['validate', 'quarantine'],
  ['featurize', 'training set'],
  ['trainer', 'training set'],
  ['monitor', 'labels'],
  ['registry', 'request or batch'],
];

export interface Owners {
  /** The datasets whose rows a file holds. */
  readonly datasets: ReadonlyMap<string, readonly DatasetName[]>;
  /** Sources of all files that ingest knows. */
  readonly sources: ReadonlyMap<string, string>;
  readonly what: (digest: string) => { service: string; what: string };
}

/** Whose every file is. @throws PlatformError NEEDS_UNKNOWN */
export async function ownersOf(db: DatasetDb, tenant: string, operations: Operations): Promise<Owners> {
  const byService = new Map<string, ReadonlySet<string>>();
  const all = await neededBy(operations, (name, digests) => byService.set(name, digests));
  const [datasets, sources] = [new Map<string, DatasetName[]>(), new Map<string, string>()];
  const { rows } = await sql<DatasetName & { digest: string; holds: boolean }>`
    select distinct digest, source, kind, true as holds from dataset_segment where tenant = ${tenant}
    union select distinct verified_digest, source, kind, false from dataset_segment where tenant = ${tenant}
    union select distinct digest, source, kind, false from segment where tenant = ${tenant}`.execute(
    db as Kysely<unknown>,
  );
  for (const { digest, source, kind, holds } of rows) {
    sources.set(digest, source);
    if (!holds) continue;
    const names = datasets.get(digest);
    if (names) names.push({ source, kind });
    else datasets.set(digest, [{ source, kind }]);
  }
  const isNeeded = (digest: string) => all.digests.has(digest) || all.alone.has(digest);
  return {
    datasets,
    sources,
    what: (digest) => {
      if (sources.has(digest)) return { service: 'ingest', what: 'segment' };
      const found = whatOf.find(([service]) => byService.get(service)?.has(digest));
      if (found) return { service: found[0], what: found[1] };
      return { service: 'artifacts', what: isNeeded(digest) ? 'file' : 'file that no service names' };
    },
  };
}
