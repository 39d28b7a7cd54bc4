import type { Meter } from '@perennial/service';
import type { PredictionSpool } from './effects/prediction-spool.js';
import type { Recording } from './recording.js';

/** What an operator watches of the gateway, beside what every service shows. */
export function gatewayInstruments(meter: Meter, spool: PredictionSpool): (recording: Recording) => void {
  const duration = meter.createHistogram('perennial_gateway_prediction_duration_seconds', {
    description: 'How long predictions took, by system, transport and status.',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2, 10] },
  });
  meter
    .createObservableGauge('perennial_gateway_spooled_predictions', {
      description: 'Predictions in hand and events that the bus has not acknowledged yet.',
    })
    .addCallback((result) => result.observe(spool.size));
  return ({ system, transport, status, durationMs }) =>
    duration.record(durationMs / 1_000, { system, transport, status });
}
