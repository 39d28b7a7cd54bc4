import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { plainHistograms } from './plain-histogram.js';

/** The whole SDK; loaded only where a collector is configured. Standard OTEL_* variables rule the rest. */
export async function startOtlp(service: string, exporter: PrometheusExporter): Promise<() => Promise<void>> {
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ 'service.name': service }),
    metricReaders: [
      exporter,
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter(),
        metricProducers: [plainHistograms],
      }),
    ],
    instrumentations: [],
  });
  sdk.start();
  return () => sdk.shutdown();
}
