import type { IncomingMessage, ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { context, type Meter, metrics, propagation, trace } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { installLightTracing } from './context.js';
import { answerMetrics } from './metrics-text.js';
import { forgetHistograms, plainHistograms } from './plain-histogram.js';
import { setCollectsTraces } from './traced-runs.js';

export interface Telemetry {
  readonly meter: Meter;
  /** Answers GET /metrics. */
  answer(request: IncomingMessage, response: ServerResponse): void;
  stop(): Promise<void>;
}

/**
 * Metrics for Prometheus always; traces and metrics over OTLP only where OTEL_EXPORTER_OTLP_ENDPOINT names a collector,
 * because the SDK that sends them takes tens of MiB.
 */
export async function startTelemetry(service: string, env: NodeJS.ProcessEnv): Promise<Telemetry> {
  const exporter = new PrometheusExporter({
    preventServerStart: true,
    withoutTargetInfo: true,
    withoutScopeInfo: true,
    metricProducers: [plainHistograms],
  });
  const stop = env['OTEL_EXPORTER_OTLP_ENDPOINT']
    ? await (await import('./otlp.js')).startOtlp(service, exporter)
    : startLight(service, exporter);
  setCollectsTraces(env['OTEL_EXPORTER_OTLP_ENDPOINT'] !== undefined);
  const meter = metrics.getMeter('perennial');
  countProcess(meter);
  return {
    meter,
    answer: (request, response) => void answerMetrics(exporter, request, response),
    stop: async () => {
      await stop();
      forgetHistograms();
      setCollectsTraces(false);
      for (const api of [metrics, trace, propagation, context]) api.disable();
    },
  };
}

function startLight(service: string, exporter: PrometheusExporter): () => Promise<void> {
  installLightTracing();
  const resource = resourceFromAttributes({ 'service.name': service });
  const provider = new MeterProvider({ resource, readers: [exporter] });
  metrics.setGlobalMeterProvider(provider);
  return () => provider.shutdown();
}

function countProcess(meter: Meter): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  meter
    .createObservableGauge('perennial_process_memory_bytes', { description: 'Resident memory.', unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableCounter('perennial_process_cpu_seconds', { description: 'CPU time used.', unit: 's' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe((user + system) / 1e6);
    });
  meter
    .createObservableGauge('perennial_event_loop_delay_p99_seconds', {
      description: 'How late the event loop was since the last look.',
      unit: 's',
    })
    .addCallback((result) => {
      result.observe(delay.percentile(99) / 1e9);
      delay.reset();
    });
}
