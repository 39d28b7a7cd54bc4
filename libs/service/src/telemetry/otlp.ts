import type { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';

/** The whole SDK; loaded only where a collector is configured. Standard OTEL_* variables rule the rest. */
export async function startOtlp(service: string, exporter: PrometheusExporter): Promise<() => Promise<void>> {
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ 'service.name': service }),
    metricReaders: [exporter],
    instrumentations: [],
  });
  sdk.start();
  return () => sdk.shutdown();
}
