import { randomBytes } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import {
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';

const tracer = trace.getTracer('perennial');

/** A call that is being answered: the context its work runs in, and how it ended. */
export interface ServedSpan {
  readonly context: Context;
  end(code: number): void;
}

/** Goes on with the caller's trace, or begins one. */
export function startServerSpan(name: string, metadata: Metadata): ServedSpan {
  const remote = propagation.extract(ROOT_CONTEXT, metadata, {
    keys: (carrier) => Object.keys(carrier.getMap()),
    get: (carrier, key) => carrier.get(key).map(String),
  });
  const span = withIds(tracer.startSpan(name, { kind: SpanKind.SERVER }, remote));
  return {
    context: trace.setSpan(remote, span),
    end(code) {
      span.setAttribute('rpc.grpc.status_code', code);
      if (code !== 0) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

/** Without an SDK a trace that begins here would have no id; give it one, for logs and events. */
function withIds(span: Span): Span {
  if (isSpanContextValid(span.spanContext())) return span;
  return trace.wrapSpanContext({
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    traceFlags: TraceFlags.NONE,
  });
}

/** Metadata of a call that carries the running trace. */
export function tracedMetadata(entries: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  propagation.inject(context.active(), metadata, { set: (carrier, key, value) => carrier.set(key, value) });
  return metadata;
}
