import {
  type Context,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { systemClock } from '@perennial/kernel';

/** The running trace as W3C's header says it, where somebody collects it; undefined otherwise, at no cost. */
export function activeTraceparent(): string | undefined {
  const span = trace.getSpanContext(context.active());
  if (!span || !isSpanContextValid(span) || (span.traceFlags & TraceFlags.SAMPLED) === 0) return undefined;
  return `00-${span.traceId}-${span.spanId}-01`;
}

let isCollecting = false;

/** Whether this process sends its spans to a collector. */
export function collectsTraces(): boolean {
  return isCollecting;
}

export function setCollectsTraces(is: boolean): void {
  isCollecting = is;
}

/** How a request was answered by a model, as the runtime tells it. */
export interface TracedRun {
  /** Of the requests that travelled together; most often one. */
  readonly traceparents: readonly string[];
  readonly model: string;
  readonly version: string;
  readonly batchId: string;
  readonly batchRows: number;
  readonly queueUs: number;
  readonly computeUs: number;
}

/**
 * Spans of what models did. Each request that is traced gets a span in its own trace, and the requests of one batch
 * share one span of the run itself: it belongs to the first of them and links to all.
 */
export class TracedRuns {
  readonly #batches = new Map<string, TracedRun[]>();

  /** A request was answered; those of its batch are told in the same turn of the event loop. */
  answered(run: TracedRun): void {
    const together = this.#batches.get(run.batchId);
    if (together) {
      together.push(run);
      return;
    }
    this.#batches.set(run.batchId, [run]);
    const endedAt = systemClock.now();
    setImmediate(() => {
      const runs = this.#batches.get(run.batchId) ?? [];
      this.#batches.delete(run.batchId);
      spansOf(runs, endedAt);
    });
  }
}

function spansOf(runs: readonly TracedRun[], endedAt: number): void {
  const [first] = runs;
  if (!first) return;
  const tracer = trace.getTracer('perennial');
  const attributes = {
    'perennial.model': first.model,
    'perennial.version': first.version,
    'perennial.batch_id': first.batchId,
    'perennial.batch_rows': first.batchRows,
  };
  const requests: { span: Span; context: Context }[] = [];
  for (const run of runs) {
    for (const traceparent of run.traceparents) {
      const parent = contextOf(traceparent);
      const startTime = endedAt - (run.queueUs + run.computeUs) / 1_000;
      const queueUs = { 'perennial.queue_us': Math.round(run.queueUs) };
      const span = tracer.startSpan(
        'inference',
        { kind: SpanKind.SERVER, startTime, attributes: { ...attributes, ...queueUs } },
        parent,
      );
      requests.push({ span, context: trace.setSpan(parent, span) });
    }
  }
  const links = requests.map(({ span }) => ({ context: span.spanContext() }));
  const startTime = endedAt - first.computeUs / 1_000;
  const run = tracer.startSpan('model run', { startTime, attributes, links }, requests[0]?.context);
  run.end(endedAt);
  for (const { span } of requests) {
    span.addLink({ context: run.spanContext() });
    span.end(endedAt);
  }
}

function contextOf(traceparent: string): Context {
  return propagation.extract(ROOT_CONTEXT, { traceparent });
}
