import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageShape,
  toJson,
} from '@bufbuild/protobuf';
import { isName, SegmentKind } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Caller, Permission } from '../decide/access.js';
import { parseJson } from '../http/read-body.js';

/** A control request after authentication; names in `params` have been checked. */
export interface ControlRequest {
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  /** A header of the request by its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** Aborted when the client goes away or the gateway stops. */
  readonly signal: AbortSignal;
}

/** One route of the control plane, as data: who may use it, and what it answers as JSON. */
export interface ControlRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly needs: Permission;
  /**
   * Open to whoever has a scope although its path names nothing that a scope is about: it looks after the scope itself,
   * by `allowTouch`.
   */
  readonly checksScope?: true;
  readonly answer: (request: ControlRequest) => Promise<unknown>;
}

const untilColon = '([^:/]+)';

/** A path with a verb after a parameter, such as `/v1/features/:system::get`, as the router wants it, and back. */
export function routerPath(path: string): string {
  return path.replace(/:(\w+)::/g, `:$1${untilColon}::`);
}

export function pathOfRouter(url: string): string {
  return url.replaceAll(untilColon, '');
}

/** A route whose body or answer is a stream: it reads the request and writes the response itself. */
export interface StreamRoute extends Omit<ControlRoute, 'answer'> {
  /** Whether whoever asks so goes on to be told for as long as the connection lasts. */
  readonly follows?: (query: ControlRequest['query']) => boolean;
  /** What it throws before it has written anything becomes a problem document. */
  readonly serve: (
    context: Omit<ControlRequest, 'text'>,
    request: IncomingMessage,
    response: ServerResponse,
  ) => Promise<void>;
}

/** What a route answers where 200 and a body alone do not say it. */
export class Answered {
  constructor(
    readonly status: number,
    readonly body: unknown,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {}
}

/** ProtoJSON with the names of the .proto files; defaults are written, so that clients need not know them. */
export function jsonOf<D extends DescMessage>(schema: D, message: MessageShape<D>): JsonObject {
  return toJson(schema, message, { useProtoFieldName: true, alwaysEmitImplicit: true }) as JsonObject;
}

/**
 * A request message out of the body; what the path and the token say wins over it.
 *
 * @throws PlatformError BODY_INVALID, naming the field
 */
export function messageOf<D extends DescMessage>(
  schema: D,
  request: ControlRequest,
  fixed: JsonObject = {},
  required: readonly string[] = [],
): MessageShape<D> {
  const body = { ...without(bodyObject(request.text), Object.keys(fixed)), ...fixed };
  for (const name of required) {
    if (body[name] === undefined || body[name] === '')
      throw wrong(name, `${name} is missing; send it as a text`);
  }
  try {
    return fromJson(schema, body, { ignoreUnknownFields: false });
  } catch (cause) {
    const { field, reason } = readable((cause as Error).message);
    throw wrong(field, `${field} ${reason}`, cause);
  }
}

/** ProtoJSON knows each field by two names, `decided_by` and `decidedBy`; of both in one body the later one counts. */
function without(body: Record<string, JsonValue>, names: readonly string[]): Record<string, JsonValue> {
  const plain = (name: string) => name.replaceAll('_', '').toLowerCase();
  const fixed = new Set(names.map(plain));
  return Object.fromEntries(Object.entries(body).filter(([name]) => !fixed.has(plain(name))));
}

/** @throws PlatformError BODY_MALFORMED, BODY_INVALID */
export function bodyObject(text: string): Record<string, JsonValue> {
  if (text.trim() === '') return {};
  const body = parseJson(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw wrong('body', 'the body must be a JSON object');
  return body as Record<string, JsonValue>;
}

/**
 * Who asks, for the audit trail: whose token it is. An administrator's may be shared by people, so the one whom the body
 * names counts; whoever else names somebody stands there with both names, and never as another alone.
 */
export function askedBy(request: ControlRequest, field: string): JsonObject {
  const named = bodyObject(request.text)[field];
  const { name, role } = request.caller;
  if (typeof named !== 'string' || named === '' || named === name) return { [field]: name };
  return { [field]: role === 'admin' ? named : `${name} (${named})` };
}

/** The library's words name the message and the field: `cannot decode field perennial.v1.X.reason from JSON: …`. */
function readable(message: string): { field: string; reason: string } {
  const unknown = /key "([^"]*)" is unknown/.exec(message);
  if (unknown)
    return { field: unknown[1] ?? '', reason: 'is not known here; leave it out or correct the name' };
  if (message.includes('google.protobuf.Timestamp'))
    return { field: 'time', reason: 'is wrong: a time must be written as 2024-01-31T08:30:00Z' };
  const known = /field \S*\.([a-z_0-9]+) from JSON: (.*)$/is.exec(message);
  return { field: known?.[1] ?? 'body', reason: `is wrong: ${known?.[2] ?? message}` };
}

function wrong(field: string, message: string, cause?: unknown) {
  return invalid('BODY_INVALID', message, { field, cause });
}

/**
 * Refuses what is no name before it can become a path, a subject or a key.
 *
 * @throws PlatformError NAME_INVALID
 */
export function checkName(field: string, text: string): string {
  if (isName(text)) return text;
  throw invalid(
    'NAME_INVALID',
    `${field} must be 1 to 64 characters of a-z, 0-9, "-" and "_", beginning with a letter or digit; got ${JSON.stringify(text.slice(0, 80))}`,
    { field },
  );
}

/** Rows, or labels where the query says so. @throws PlatformError QUERY_INVALID */
export function kindIn(query: ControlRequest['query']): SegmentKind {
  const kind = query['kind'] ?? 'rows';
  if (kind !== 'rows' && kind !== 'labels')
    throw invalid('QUERY_INVALID', `kind must be rows or labels, got "${kind}"`, { field: 'kind' });
  return kind === 'labels' ? SegmentKind.LABELS : SegmentKind.ROWS;
}

/** The name of a filter, where one is given; '' where none is. @throws PlatformError NAME_INVALID */
export function optionalName(field: string, text: string | undefined): string {
  return text === undefined || text === '' ? '' : checkName(field, text);
}

/**
 * A whole number out of the query.
 *
 * @throws PlatformError QUERY_INVALID
 */
export function numberOf(
  query: ControlRequest['query'],
  name: string,
  { fallback, max }: { fallback: number; max: number },
): number {
  const text = query[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return Math.min(value, max);
  throw invalid('QUERY_INVALID', `${name} must be a whole number of 0 or more, got "${text}"`, {
    field: name,
  });
}
