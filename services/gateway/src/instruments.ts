import type { Meter } from '@perennial/service';
import type { ResponseCache } from './cache/response-cache.js';
import type { CaptureWatch } from './capture/capture.js';
import type { PredictionSpool } from './effects/prediction-spool.js';
import type { ModelCounts } from './telemetry/model-counts.js';
import { PredictionDurations } from './telemetry/prediction-durations.js';
import { tritonMetrics } from './telemetry/triton-metrics.js';

/** What an operator watches of the gateway, beside what every service shows; docs/metrics.md lists it. */
export function gatewayInstruments(
  meter: Meter,
  { spool, cache, counts }: { spool: PredictionSpool; cache: ResponseCache; counts: ModelCounts },
): void {
  tritonMetrics(meter, counts);
  const gauge = (name: string, description: string, value: () => number) =>
    meter.createObservableGauge(name, { description }).addCallback((result) => result.observe(value()));
  const counter = (name: string, description: string, value: () => number) =>
    meter.createObservableCounter(name, { description }).addCallback((result) => result.observe(value()));
  gauge(
    'perennial_gateway_spooled_predictions',
    'Predictions in hand and events that the bus has not acknowledged yet.',
    () => spool.size,
  );
  counter(
    'perennial_gateway_prediction_events',
    'Prediction events that were written.',
    () => spool.totals.events,
  );
  counter(
    'perennial_gateway_prediction_messages',
    'Messages of the bus that carried them, repetitions included.',
    () => spool.totals.messages,
  );
  counter(
    'perennial_gateway_predictions_not_captured',
    'Requests that were only counted: as their deployment wants it, or for want of room.',
    () => spool.totals.counted,
  );
  counter(
    'perennial_gateway_predictions_shed',
    'Requests that were refused because the bus takes no events and no more can be kept.',
    () => spool.totals.refused,
  );
  gauge(
    'perennial_gateway_cache_entries',
    'Answers kept for deployments that are declared pure.',
    () => cache.size.entries,
  );
  gauge('perennial_gateway_cache_bytes', 'What these answers take.', () => cache.size.bytes);
}

/** Counts every request where it begins and ends. */
export function captureWatch(counts: ModelCounts): CaptureWatch {
  const durations = new PredictionDurations();
  return {
    came: ({ system }) => counts.came(system),
    ended: (recording, isKnown) => {
      if (isKnown) {
        counts.ended(recording);
        durations.record(recording);
      }
      counts.left(recording.system);
    },
  };
}
