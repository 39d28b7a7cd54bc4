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
import { collectsTraces } from '@perennial/service';

/**
 * Runs `work` in a span that goes on with the client's trace, where it sent one; calls to other services carry it on.
 * Where nobody traces, nothing is made: a context that says nothing would make every promise of the request dearer.
 */
export function inTrace(request: IncomingMessage, work: () => Promise<void>): Promise<void> {
  if (request.headers['traceparent'] === undefined && !collectsTraces()) return work();
  return traced(request, work);
}

async function traced(request: IncomingMessage, work: () => Promise<void>): Promise<void> {
  const remote = propagation.extract(ROOT_CONTEXT, request.headers);
  const tracer = trace.getTracer('perennial');
  const span = tracer.startSpan(`HTTP ${request.method}`, { kind: SpanKind.SERVER }, remote);
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
