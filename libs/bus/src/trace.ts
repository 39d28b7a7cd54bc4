import { type Context, context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

/** Trace attributes of the event that is told now: of the span at work, or those of the event that led to it. */
export function traceHeaders(inherited: string | undefined): Record<string, string> {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  // Without an SDK nothing is injected; the chain of those around us must not break for it.
  if (!carrier['traceparent'] && inherited) carrier['traceparent'] = inherited;
  return carrier;
}

interface Traced {
  header(name: string): string | undefined;
}

function contextOf(message: Traced | undefined): Context {
  const traceparent = message?.header('ce-traceparent') ?? message?.header('traceparent');
  if (traceparent === undefined) return context.active();
  const tracestate = message?.header('ce-tracestate') ?? message?.header('tracestate');
  return propagation.extract(context.active(), { traceparent, ...(tracestate && { tracestate }) });
}

/** Runs `work` in a span of its own that continues the trace of `message`. */
export function traced<T>(name: string, message: Traced | undefined, work: () => Promise<T>): Promise<T> {
  const tracer = trace.getTracer('@perennial/bus');
  return tracer.startActiveSpan(name, { kind: SpanKind.CONSUMER }, contextOf(message), async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : '' });
      throw error;
    } finally {
      span.end();
    }
  });
}
