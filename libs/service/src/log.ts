import { isSpanContextValid, trace } from '@opentelemetry/api';
import type { Log } from '@perennial/bus';

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** One JSON object a line: ts, level, service, tenant, message, the trace's id where there is one, and the fields. */
export function openLog(o: {
  service: string;
  tenant: string;
  level: LogLevel;
  write?: (line: string) => void;
}): Log {
  const { service, tenant } = o;
  const write = o.write ?? ((line: string) => process.stdout.write(line));
  const least = logLevels.indexOf(o.level);
  const at = (level: LogLevel) => {
    if (logLevels.indexOf(level) < least) return () => undefined;
    return (message: string, fields: Record<string, unknown> = {}) => {
      const ts = new Date().toISOString();
      const span = trace.getActiveSpan()?.spanContext();
      const traceId = span && isSpanContextValid(span) ? span.traceId : undefined;
      write(`${textOf({ ts, level, service, tenant, message, traceId, ...fields })}\n`);
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A log line must never be the thing that fails. */
function textOf(line: Record<string, unknown>): string {
  try {
    return JSON.stringify(line, plain);
  } catch (error) {
    const { ts, level, service, tenant, message } = line;
    return JSON.stringify({ ts, level, service, tenant, message, fieldsLost: String(error) });
  }
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return errorFields(value);
  return value;
}

/** All that a log should hold about an error, internals too. */
export function errorFields(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { text: String(error) };
  const { code, internal, field } = error as { code?: unknown; internal?: unknown; field?: unknown };
  const cause = error.cause === undefined ? undefined : errorFields(error.cause);
  return { text: error.message, code, field, internal, cause, stack: error.stack };
}
