import { timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { type ExportFeaturesRequest, FeatureService } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { rpc } from '@perennial/service';
import { exportFeatures, lookForLeaks } from '../datasets/make-dataset.js';
import { segmentsOf } from '../datasets/segments-of.js';
import {
  exportTrainingSet,
  getTrainingSet,
  listTrainingSets,
  reproduceTrainingSet,
  type TrainingSetMeans,
} from '../datasets/training-sets.js';
import { leakMessage } from '../leaks/leak-message.js';
import { LeakStore } from '../leaks/leak-store.js';
import { type FeatureMeans, getFeatures } from '../online/get-features.js';
import { Store } from '../store.js';
import { getOnline } from './get-online.js';

export type ServiceMeans = FeatureMeans & TrainingSetMeans;

export function featureService(means: ServiceMeans) {
  return rpc(FeatureService, {
    getOnline: (request) => getOnline(means, request),
    getFeatures: (request) => getFeatures(means, request),
    exportFeatures: (request) => exportSpan(means, request),
    listDatasets: ({ system, all }) => listTrainingSets(means, { system, all }),
    getTrainingSet: ({ datasetId }) => getTrainingSet(means, datasetId),
    exportTrainingSet: (request) => exportTrainingSet(means, request),
    reproduceTrainingSet: ({ datasetId }) => reproduceTrainingSet(means, datasetId),
    listLeaks: ({ system }) => listLeaks(means, system),
    checkLeaks: ({ system }) => checkNow(means, system),
  });
}

async function listLeaks({ db, tenant }: ServiceMeans, system: string) {
  const reports = await new LeakStore(db, tenant).list(system);
  return {
    reports: reports.map((report) => ({
      datasetId: report.dataset_id,
      systemVersion: report.system_version,
      answer: report.answer,
      leaks: report.leaks.map(leakMessage),
      checkedAt: timestampFromDate(report.checked_at),
      rows: BigInt(report.rows),
    })),
  };
}

async function checkNow(means: ServiceMeans, name: string) {
  const store = new Store(means.db, means.tenant);
  const { system, version } = await means.systems.newest(store, name);
  const { leaks, rows } = await lookForLeaks(means, system, await segmentsOf(store, system));
  return { systemVersion: version, rows: BigInt(rows), leaks: leaks.map(leakMessage) };
}

async function exportSpan(means: ServiceMeans, { system: name, from, to }: ExportFeaturesRequest) {
  if (!from || !to || timestampMs(from) >= timestampMs(to)) {
    throw invalid('SPAN_INVALID', 'from, to: send two times, the first before the second', { field: 'from' });
  }
  const store = new Store(means.db, means.tenant);
  const { system } = await means.systems.newest(store, name);
  const stored = await exportFeatures(means, system, {
    segments: await segmentsOf(store, system),
    fromMs: timestampMs(from),
    toMs: timestampMs(to),
  });
  return { ...stored, features: system.features.map((feature) => feature.name), label: system.label.name };
}
