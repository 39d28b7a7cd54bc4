import { status } from '@grpc/grpc-js';
import type { PlatformError } from '@perennial/kernel';

/** Statuses are derived from the error here and nowhere else. */

interface Statuses {
  readonly grpc: status;
  readonly http: number;
  readonly title: string;
}

const byCode: readonly (readonly [RegExp, Statuses])[] = [
  [
    /^DEADLINE_EXCEEDED$/,
    { grpc: status.DEADLINE_EXCEEDED, http: 504, title: 'It took longer than was allowed' },
  ],
  [/^CANCELLED$/, { grpc: status.CANCELLED, http: 499, title: 'The caller went away' }],
  [/^UNIMPLEMENTED$/, { grpc: status.UNIMPLEMENTED, http: 501, title: 'There is no such method' }],
  [/^UNAUTHENTICATED$/, { grpc: status.UNAUTHENTICATED, http: 401, title: 'Who asks is not known' }],
  [/^FORBIDDEN$/, { grpc: status.PERMISSION_DENIED, http: 403, title: 'That is not allowed' }],
  [
    /_(CONFLICT|HELD)$/,
    { grpc: status.FAILED_PRECONDITION, http: 409, title: 'The state does not allow it' },
  ],
  [/_EXHAUSTED$/, { grpc: status.RESOURCE_EXHAUSTED, http: 429, title: 'Too much at a time' }],
];

const absent: Statuses = { grpc: status.NOT_FOUND, http: 404, title: 'There is no such thing' };
const callers: Statuses = { grpc: status.INVALID_ARGUMENT, http: 400, title: 'The request is wrong' };
const dependencys: Statuses = { grpc: status.UNAVAILABLE, http: 503, title: 'Not available at the moment' };
const ours: Statuses = { grpc: status.INTERNAL, http: 500, title: 'An error of ours' };

function statusesOf({ code, fault }: PlatformError): Statuses {
  const known = byCode.find(([pattern]) => pattern.test(code));
  if (known) return known[1];
  if (fault === 'dependency') return dependencys;
  if (fault === 'us') return ours;
  return code.endsWith('_NOT_FOUND') ? absent : callers;
}

/** The gRPC status code of an error. */
export function grpcStatusOf(error: PlatformError): number {
  return statusesOf(error).grpc;
}

/** The HTTP status code of an error. */
export function httpStatusOf(error: PlatformError): number {
  return statusesOf(error).http;
}

/** RFC 9457 problem details; send them as `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly field?: string;
  readonly retryAfterMs?: number;
}

/** What an HTTP client is told about an error. Nothing internal. */
export function problemOf(error: PlatformError): Problem {
  const { http, title } = statusesOf(error);
  return {
    type: `urn:perennial:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status: http,
    detail: error.message,
    code: error.code,
    ...(error.field !== undefined && { field: error.field }),
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
  };
}
