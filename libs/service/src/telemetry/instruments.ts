import { type Histogram, type MeterProvider, metrics } from '@opentelemetry/api';

let made: { by: MeterProvider; histogram: Histogram } | undefined;

/** Made when first used: an instrument that is older than its provider would count nothing. */
export function rpcServerDuration(): Histogram {
  const by = metrics.getMeterProvider();
  if (made?.by !== by) {
    const histogram = by.getMeter('perennial').createHistogram('perennial_rpc_server_duration_seconds', {
      description: 'How long calls took, by method and gRPC status code.',
      unit: 's',
      advice: { explicitBucketBoundaries: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10] },
    });
    made = { by, histogram };
  }
  return made.histogram;
}
