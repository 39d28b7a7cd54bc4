import type { Runtime } from '@perennial/runtime';
import type { Meter } from '@perennial/service';

/** What the models do and cost, by digest. */
export function runtimeGauges(meter: Meter, runtime: Runtime): void {
  meter
    .createObservableGauge('perennial_inference_in_flight', { description: 'Requests that wait or run.' })
    .addCallback((result) => result.observe(runtime.inFlight));
  meter
    .createObservableGauge('perennial_model_memory_bytes', {
      description: 'Memory of a loaded model.',
      unit: 'By',
    })
    .addCallback((result) => {
      for (const { digest, memoryBytes } of runtime.models()) result.observe(memoryBytes, { digest });
    });
  meter
    .createObservableCounter('perennial_model_rows', { description: 'Rows that a model has answered.' })
    .addCallback((result) => {
      for (const { digest, rows } of runtime.models()) result.observe(rows, { digest });
    });
  meter
    .createObservableCounter('perennial_model_compute_seconds', {
      description: 'Time a model has run.',
      unit: 's',
    })
    .addCallback((result) => {
      for (const { digest, computeUs } of runtime.models()) result.observe(computeUs / 1e6, { digest });
    });
  meter
    .createObservableCounter('perennial_model_dispatches', {
      description: 'Runs of a model, by why each was started when it was.',
    })
    .addCallback((result) => {
      for (const { digest, reasons } of runtime.models())
        for (const [reason, count] of Object.entries(reasons))
          if (count > 0) result.observe(count, { digest, reason });
    });
  meter
    .createObservableGauge('perennial_model_rows_waiting', { description: 'Rows that wait for a model.' })
    .addCallback((result) => {
      for (const { digest, rowsWaiting } of runtime.models()) result.observe(rowsWaiting, { digest });
    });
  meter
    .createObservableGauge('perennial_executor_utilisation', {
      description: 'Busy share of the threads that run models, 0 to 1.',
    })
    .addCallback((result) => result.observe(runtime.utilisation));
  meter
    .createObservableGauge('perennial_models_memory_used_bytes', {
      description: 'Memory of all models together, those on their way in and out included.',
      unit: 'By',
    })
    .addCallback((result) => result.observe(runtime.memoryUsedBytes));
  meter
    .createObservableCounter('perennial_model_evictions', {
      description: 'Models that were paged out to make room for others.',
    })
    .addCallback((result) => result.observe(runtime.evictions));
}
