import type { ModelStatistics } from '@perennial/runtime';
import type { Meter } from '@perennial/service';
import type { Models } from './models.js';

type Counter = readonly [
  name: string,
  description: string,
  unit: string,
  value: (statistics: ModelStatistics) => number,
];

const counters: readonly Counter[] = [
  ['nv_inference_request_success', 'Requests that this replica answered.', '', ({ requests }) => requests],
  ['nv_inference_count', 'Rows that a model ran for.', '', ({ rows }) => rows],
  ['nv_inference_exec_count', 'Runs of a model.', '', ({ batches }) => batches],
  [
    'nv_inference_queue_duration_us',
    'Time that requests waited for an executor.',
    'us',
    ({ queueUs }) => queueUs,
  ],
  [
    'nv_inference_compute_infer_duration_us',
    'Time that a model ran; requests of one run count it once.',
    'us',
    ({ computeUs }) => computeUs,
  ],
];

/** What this replica counts, as Triton names it. The gateway counts the same for all replicas together. */
export function tritonMetrics(meter: Meter, models: Models): void {
  const each = (take: (labels: { model: string; version: string }, statistics: ModelStatistics) => void) => {
    for (const statistics of models.runtime.models()) {
      const { model, version } = models.nameOf(statistics.digest);
      // One that was only tested was never told a deployment's name.
      if (model !== '') take({ model, version: String(version) }, statistics);
    }
  };
  for (const [name, description, unit, value] of counters) {
    meter.createObservableCounter(name, { description, unit }).addCallback((result) => {
      each((labels, statistics) => result.observe(Math.round(value(statistics)), labels));
    });
  }
  meter
    .createObservableCounter('nv_inference_request_failure', {
      description: 'Requests that this replica did not answer: REJECTED before they ran, BACKEND else.',
    })
    .addCallback((result) => {
      each((labels, { failures, dropped }) => {
        result.observe(dropped, { ...labels, reason: 'REJECTED' });
        result.observe(failures - dropped, { ...labels, reason: 'BACKEND' });
      });
    });
  meter
    .createObservableGauge('nv_inference_pending_request_count', {
      description: 'Requests that wait or run.',
    })
    .addCallback((result) => each((labels, { inHand }) => result.observe(inHand, labels)));
}
