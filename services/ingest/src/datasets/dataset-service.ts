import { create } from '@bufbuild/protobuf';
import { DatasetReferenceSchema, type DatasetService } from '@perennial/contracts';
import type { Implementation } from '@perennial/service';
import { type ExportMeans, exportFormat, exportRows } from './export.js';
import { datasetName, findVersion } from './find-version.js';
import { segmentMessage, versionMessage } from './messages.js';
import { DatasetStore, type Version } from './store.js';
import type { DatasetDb } from './tables.js';
import type { Versions } from './versions.js';

export interface DatasetContext extends ExportMeans {
  readonly tenant: string;
  readonly db: DatasetDb;
  readonly versions: Versions;
}

/** Segments in one answer; the manifest and the export have all. */
const segmentsMax = 1_000;
const versionsMax = 1_000;
const versionsDefault = 100;

type Methods = Omit<
  Implementation<typeof DatasetService>,
  'collectGarbage' | 'eraseKey' | 'listErasures' | 'listWatchedFiles'
>;

/** Datasets over gRPC. */
export function datasetMethods(context: DatasetContext): Methods {
  const store = new DatasetStore(context.db, context.tenant);
  /** What has come so far belongs to the newest version, for whoever asks now. */
  const settled = () => context.versions.settle();
  return {
    listVerifiedDatasets: async () => {
      await settled();
      return { datasets: (await store.newestOfAll()).map(versionMessage) };
    },
    listDatasetVersions: async ({ source, kind, beforeVersion, limit }) => {
      await settled();
      const versions = await store.versions(datasetName({ source, kind }), {
        limit: Math.min(limit || versionsDefault, versionsMax),
        ...(beforeVersion && { before: beforeVersion }),
      });
      return { versions: versions.map(versionMessage) };
    },
    getDataset: async ({ dataset }) => {
      await settled();
      const version = await findVersion(store, dataset);
      const segments = await store.segments(version, version.version);
      return {
        version: versionMessage(version),
        segments: segments.slice(-segmentsMax).map(segmentMessage),
      };
    },
    diffDatasets: async ({ from, to }) => {
      await settled();
      return diffOf(store, await findVersion(store, from), await findVersion(store, to));
    },
    exportDataset: async function* ({ dataset, format: named }) {
      await settled();
      const format = exportFormat(named);
      const version = await findVersion(store, dataset);
      yield { part: { case: 'version' as const, value: versionMessage(version) } };
      for await (const chunk of exportRows(context, store, { version, format })) {
        yield { part: { case: 'chunk' as const, value: chunk } };
      }
    },
    compactDatasets: async ({ source }) => {
      await settled();
      const datasets = await store.newestOfAll();
      if (source && !datasets.some((one) => one.source === source))
        await findVersion(store, create(DatasetReferenceSchema, { source }));
      const { rows, ...files } = await context.versions.compact(
        datasets.filter((one) => source === '' || one.source === source),
      );
      return { ...files, rows: BigInt(rows) };
    },
  };
}

async function diffOf(store: DatasetStore, one: Version, other: Version) {
  const [from, to] = one.version <= other.version ? [one, other] : [other, one];
  const places = await store.placesBetween(to, from.version, to.version);
  const segments = await store.segments(to, to.version);
  const added = segments.filter(({ place }) => places.has(place));
  const erased = segments.filter(({ place }) => !places.has(place));
  return {
    from: versionMessage(from),
    to: versionMessage(to),
    added: added.slice(-segmentsMax).map(segmentMessage),
    segmentsAdded: added.length,
    rowsAdded: BigInt(added.reduce((sum, { rows }) => sum + rows, 0)),
    rowsErased: BigInt(erased.reduce((sum, { erasedRows }) => sum + erasedRows, 0)),
  };
}
