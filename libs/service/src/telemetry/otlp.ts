import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
// Inside the package, because NodeSDK takes either readers of ours or those of the environment, and we want both.
import {
  getOtlpMetricExporterFromEnv,
  getPeriodicExportingMetricReaderFromEnv,
} from '@opentelemetry/sdk-node/build/src/utils.js';

/** The whole SDK; loaded only where a collector is configured. Standard OTEL_* variables rule the rest. */
export async function startOtlp(service: string, exporter: PrometheusExporter): Promise<() => Promise<void>> {
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ 'service.name': service }),
    metricReaders: [exporter, getPeriodicExportingMetricReaderFromEnv(getOtlpMetricExporterFromEnv())],
    instrumentations: [],
  });
  sdk.start();
  return () => sdk.shutdown();
}
