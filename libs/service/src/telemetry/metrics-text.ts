import type { IncomingMessage, ServerResponse } from 'node:http';
import { type PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';

/** The exporter gives every counter this ending; the names of other servers that we speak too have none. */
const ending = /^((?:# (?:HELP|TYPE|UNIT) )?nv_[a-z0-9_]+)_total\b/gm;

/** Answers GET /metrics in Prometheus' text format 0.0.4. */
export async function answerMetrics(
  exporter: PrometheusExporter,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const { resourceMetrics } = await exporter.collect();
    const text = new PrometheusSerializer('', false, undefined, true, true).serialize(resourceMetrics);
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(text.replace(ending, '$1'));
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain' }).end(`# the metrics cannot be read: ${error}\n`);
  }
}
