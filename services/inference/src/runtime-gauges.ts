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
}
