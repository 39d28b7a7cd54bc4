import type { IncomingMessage } from 'node:http';
import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/** Runs `work` in a span that goes on with the client's trace, where it sent one; calls to other services carry it on. */
export async function inTrace(request: IncomingMessage, work: () => Promise<void>): Promise<void> {
  const remote = propagation.extract(ROOT_CONTEXT, request.headers);
  const tracer = trace.getTracer('perennial');
  const span = tracer.startSpan(`HTTP ${request.method}`, { kind: SpanKind.SERVER }, remote);
  // Nobody traces: a context that says nothing would make every promise of the request dearer.
  if (!isSpanContextValid(span.spanContext())) return work();
  try {
    await context.with(trace.setSpan(remote, span), work);
  } catch (thrown) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw thrown;
  } finally {
    span.end();
  }
}
