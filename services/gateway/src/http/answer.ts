import type { ServerResponse } from 'node:http';
import { asPlatformError, type PlatformError } from '@perennial/kernel';
import { httpStatusOf, problemOf } from '@perennial/service';

/** Statuses that only HTTP knows; everything else follows from fault and retry. */
const ownStatuses: Readonly<Record<string, number>> = {
  BODY_TIMEOUT: 408,
  BODY_TOO_LARGE: 413,
  METHOD_NOT_ALLOWED: 405,
  BODY_ENCODING_UNSUPPORTED: 415,
};

export function statusOf(error: PlatformError): number {
  return ownStatuses[error.code] ?? httpStatusOf(error);
}

/** The headers that go with an error: how to authenticate, when to come back, that nobody reads on. */
export function headersOf(error: PlatformError, status: number): Record<string, string> {
  return {
    ...(status === 408 && { connection: 'close' }),
    ...(status === 401 && { 'www-authenticate': 'Bearer realm="perennial"' }),
    ...((status === 503 || status === 429) && {
      'retry-after': String(Math.max(1, Math.ceil((error.retryAfterMs ?? 1_000) / 1_000))),
    }),
  };
}

/** The RFC 9457 document of anything thrown, with the status that the gateway answers. */
export function problemDocument(thrown: unknown): { error: PlatformError; status: number; body: string } {
  const error = asPlatformError(thrown);
  const status = statusOf(error);
  return { error, status, body: JSON.stringify({ ...problemOf(error), status }) };
}

export function sendProblem(response: ServerResponse, thrown: unknown): void {
  const { error, status, body } = problemDocument(thrown);
  send(response, status, body, { 'content-type': 'application/problem+json', ...headersOf(error, status) });
}

/** The Open Inference Protocol's form of an error: `{"error": "…"}`. */
export function inferenceError(thrown: unknown): {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, string>;
} {
  const error = asPlatformError(thrown);
  const status = statusOf(error);
  const body = JSON.stringify({ error: error.message });
  return { status, body, headers: { 'content-type': 'application/json', ...headersOf(error, status) } };
}

export function sendInferenceError(response: ServerResponse, thrown: unknown): void {
  const { status, body, headers } = inferenceError(thrown);
  send(response, status, body, headers);
}

export function sendJson(response: ServerResponse, body: string): void {
  send(response, 200, body, { 'content-type': 'application/json' });
}

interface Answer {
  readonly response: ServerResponse;
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Answers that are ready in this turn of the event loop. */
let ready: Answer[] = [];

/**
 * Sends a whole answer; nothing where the client went away meanwhile. What is ready in one turn is written at its end,
 * one after the other: each write to a client that sleeps costs its awakening, and many clients are one process.
 */
export function send(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
): void {
  if (ready.length === 0) setImmediate(sendAll);
  ready.push({ response, status, body, headers });
}

function sendAll(): void {
  const answers = ready;
  ready = [];
  for (const { response, status, body, headers } of answers) {
    if (response.destroyed || response.headersSent) continue;
    try {
      response.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
      response.end(body);
    } catch (cause) {
      // A header that cannot be sent must not keep the others' answers.
      response.destroy(cause as Error);
    }
  }
}
