import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type DatasetReference, SegmentKind } from '@perennial/contracts';
import { invalid, notFound } from '@perennial/kernel';
import type { DatasetName, DatasetStore, Version } from './store.js';

/** @throws PlatformError DATASET_REFERENCE */
export function datasetName(reference: Pick<DatasetReference, 'source' | 'kind'>): DatasetName {
  const { source, kind } = reference;
  if (!source) throw invalid('DATASET_REFERENCE', 'source: name the dataset', { field: 'source' });
  return { source, kind: kind === SegmentKind.LABELS ? 'labels' : 'rows' };
}

/**
 * The version that is meant: by number, by a time at which it was the newest, or the newest now.
 *
 * @throws PlatformError DATASET_NOT_FOUND, DATASET_REFERENCE
 */
export async function findVersion(
  store: DatasetStore,
  reference: DatasetReference | undefined,
): Promise<Version> {
  if (!reference) throw invalid('DATASET_REFERENCE', 'dataset: say which one', { field: 'dataset' });
  const name = datasetName(reference);
  const { version: number, asOf } = reference;
  if (number && asOf) {
    throw invalid('DATASET_REFERENCE', 'version and as_of: name one of them', { field: 'as_of' });
  }
  const [found] = await store.versions(name, {
    limit: 1,
    ...(number && { before: number + 1 }),
    ...(asOf && { upTo: timestampDate(asOf) }),
  });
  if (found && (!number || found.version === number)) return found;
  throw notFound('DATASET_NOT_FOUND', await absent(store, name, { number, asOf }), { field: 'dataset' });
}

async function absent(
  store: DatasetStore,
  name: DatasetName,
  { number, asOf }: { number: number; asOf: DatasetReference['asOf'] },
): Promise<string> {
  const what = name.kind === 'labels' ? `labels of "${name.source}"` : `"${name.source}"`;
  const newest = await store.newest(name);
  if (!newest) return `there is no dataset of ${what} yet: no rows were verified; \`dataset list\` shows all`;
  if (number) return `the dataset of ${what} has no version ${number}; the newest is v${newest.version}`;
  const time = asOf && timestampDate(asOf).toISOString();
  return `the dataset of ${what} had no version at ${time}; \`dataset versions\` shows when each was made`;
}
