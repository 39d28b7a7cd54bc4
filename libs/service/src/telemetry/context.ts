import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type ContextManager,
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  TraceFlags,
  trace,
} from '@opentelemetry/api';

/**
 * Trace context without the SDK: it is carried from call to event to call, so that one request can be followed through
 * every log, and costs next to nothing. The SDK, where it is configured, brings its own.
 */
export function installLightTracing(): void {
  context.setGlobalContextManager(new LocalContext().enable());
  propagation.setGlobalPropagator(traceContext);
}

class LocalContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    work: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(active, () => work.apply(thisArg, args));
  }

  bind<T>(active: Context, target: T): T {
    if (typeof target !== 'function') return target;
    const bound = (...args: unknown[]) => this.with(active, () => target(...args));
    return bound as T;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.#storage.disable();
    return this;
  }
}

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** W3C Trace Context, level 1: the header `traceparent`. */
const traceContext: TextMapPropagator = {
  fields: () => ['traceparent'],
  inject(active, carrier, setter) {
    const span = trace.getSpanContext(active);
    if (!span || !isSpanContextValid(span)) return;
    const flags = span.traceFlags.toString(16).padStart(2, '0');
    setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-${flags}`);
  },
  extract(active, carrier, getter) {
    const header = getter.get(carrier, 'traceparent');
    const match = pattern.exec(String(Array.isArray(header) ? header[0] : (header ?? '')));
    const [, traceId, spanId, flags] = match ?? [];
    if (!traceId || !spanId || !flags) return active;
    const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
    const span = { traceId, spanId, traceFlags, isRemote: true };
    return isSpanContextValid(span) ? trace.setSpanContext(active, span) : active;
  },
};
