import type { System } from '@perennial/spec';
import { lookupFeatures } from '../decide/series.js';
import type { Store } from '../store.js';
import type { SegmentDigests } from './make-dataset.js';

/** All segments that a system's features are made of, as of now, with the newest event time of its own source. */
export async function segmentsOf(
  store: Store,
  system: System,
): Promise<SegmentDigests & { readonly watermarkUs: number }> {
  const segments = await store.segments(system.source.name);
  const of = (kind: 'rows' | 'labels') =>
    segments.filter((one) => one.kind === kind).map((one) => one.digest);
  const lookups: Record<string, string[]> = {};
  for (const { source } of lookupFeatures(system)) {
    lookups[source] ??= (await store.segments(source, { kind: 'rows' })).map(({ digest }) => digest);
  }
  const watermarkUs = segments.reduce((newest, { maxUs }) => Math.max(newest, maxUs), 0);
  return { rows: of('rows'), labels: of('labels'), lookups, watermarkUs };
}
