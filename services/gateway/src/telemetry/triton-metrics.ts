import type { Meter } from '@perennial/service';
import type { FailureReason, ModelCount, ModelCounts } from './model-counts.js';

/** A counter by model and version under a name that dashboards for Triton know. */
type Counter = readonly [
  name: string,
  description: string,
  unit: string,
  value: (count: ModelCount) => number,
];

const counters: readonly Counter[] = [
  ['nv_inference_request_success', 'Requests that were answered.', '', ({ success }) => success],
  [
    'nv_inference_request_duration_us',
    'Time of the requests that were answered, from the first byte to the answer.',
    'us',
    ({ requestUs }) => requestUs,
  ],
  ['nv_inference_count', 'Rows that a model ran for.', '', ({ rows }) => rows],
  ['nv_inference_exec_count', 'Runs of a model.', '', ({ runs }) => Math.round(runs)],
  [
    'nv_inference_queue_duration_us',
    'Time that requests waited for an executor, wherever that was.',
    'us',
    ({ queueUs }) => queueUs,
  ],
  [
    'nv_inference_compute_infer_duration_us',
    'Time that the model ran for requests; those of one run count it each.',
    'us',
    ({ computeUs }) => computeUs,
  ],
  ['nv_cache_num_hits_per_model', 'Answers that were given again.', '', ({ cacheHits }) => cacheHits],
  [
    'nv_cache_num_misses_per_model',
    'Looks for an answer that was not there.',
    '',
    ({ cacheMisses }) => cacheMisses,
  ],
  [
    'nv_cache_hit_duration_per_model',
    'Time of the looks that found one.',
    'us',
    ({ cacheHitUs }) => cacheHitUs,
  ],
  [
    'nv_cache_miss_duration_per_model',
    'Time of the looks that did not, with the run that followed.',
    'us',
    ({ cacheMissUs }) => cacheMissUs,
  ],
];

/** What the gateway counts, as Triton names it: over all replicas and the edge. */
export function tritonMetrics(meter: Meter, counts: ModelCounts): void {
  for (const [name, description, unit, value] of counters) {
    const isCache = name.startsWith('nv_cache');
    meter.createObservableCounter(name, { description, unit }).addCallback((result) => {
      for (const count of counts.all()) {
        // A cache that is off has nothing to say.
        if (isCache && count.cacheHits + count.cacheMisses === 0) continue;
        result.observe(Math.round(value(count)), { model: count.model, version: count.version });
      }
    });
  }
  meter
    .createObservableCounter('nv_inference_request_failure', {
      description: 'Requests that were not answered, by the reason.',
    })
    .addCallback((result) => {
      for (const { model, version, failures } of counts.all()) {
        for (const reason of Object.keys(failures) as FailureReason[])
          result.observe(failures[reason], { model, version, reason });
      }
    });
  meter
    .createObservableGauge('nv_inference_pending_request_count', {
      description: 'Requests that are not answered yet; their version is not chosen yet either.',
    })
    .addCallback((result) => {
      for (const [model, count] of counts.inHand) result.observe(count, { model });
    });
}
