import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type ExportFeaturesRequest, FeatureService } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { rpc } from '@perennial/service';
import { DatasetStore } from '../dataset-store.js';
import { exportFeatures } from '../effects/make-dataset.js';
import { Store } from '../store.js';
import { getOnline, type OnlineMeans } from './get-online.js';

export function featureService(means: OnlineMeans) {
  return rpc(FeatureService, {
    getOnline: (request) => getOnline(means, request),
    exportFeatures: (request) => exportSpan(means, request),
    listDatasets: async ({ system }) => {
      const datasets = await new DatasetStore(means.db, means.tenant).list(system);
      return {
        datasets: datasets.map((row) => ({
          datasetId: row.dataset_id,
          system: row.system,
          rolloutId: row.rollout_id,
          trainingDigest: row.training_digest,
          trainingRows: row.training_rows,
          holdoutDigest: row.holdout_digest,
          holdoutRows: row.holdout_rows,
          manifestDigest: row.manifest_digest,
        })),
      };
    },
  });
}

async function exportSpan(means: OnlineMeans, { system: name, from, to }: ExportFeaturesRequest) {
  if (!from || !to || timestampMs(from) >= timestampMs(to)) {
    throw invalid('SPAN_INVALID', 'from, to: send two times, the first before the second', { field: 'from' });
  }
  const store = new Store(means.db, means.tenant);
  const { system } = await means.systems.newest(store, name);
  const segments = await store.segments(system.source.name);
  const of = (kind: 'rows' | 'labels') =>
    segments.filter((one) => one.kind === kind).map((one) => one.digest);
  const span = { fromMs: timestampMs(from), toMs: timestampMs(to) };
  const stored = await exportFeatures(means, system, {
    segments: { rows: of('rows'), labels: of('labels') },
    ...span,
  });
  return { ...stored, features: system.features.map((feature) => feature.name), label: system.label.name };
}
