import type { Permission } from '../decide/access.js';
import type { Described } from './describe.js';
import { described } from './described.js';
import { peopleSchemas } from './people.js';
import { frontRoutes, protocolSchemas } from './protocol.js';
import { type Schema, Schemas } from './schema.js';

/** What the document needs to know of a route. */
export interface RouteOf {
  readonly method: string;
  readonly path: string;
  /** Undefined: answered to anybody. */
  readonly needs: Permission | undefined;
}

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: Schema;
  readonly servers: readonly Schema[];
  readonly security: readonly Schema[];
  readonly paths: Record<string, Record<string, unknown>>;
  readonly components: { readonly schemas: Record<string, Schema>; readonly securitySchemes: Schema };
}

/** The description of all routes, without anything of a particular platform. */
export function openApiDocument(routes: readonly RouteOf[], version: string): OpenApiDocument {
  const schemas = new Schemas();
  for (const [name, schema] of Object.entries({ ...peopleSchemas, ...protocolSchemas }))
    schemas.add(name, schema);
  const paths: OpenApiDocument['paths'] = {};
  const add = (route: RouteOf, says: Described | undefined) => {
    const path = route.path.replace(/(?<!:):(\w+)/g, '{$1}').replace('::', ':');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(schemas, route, says ?? { says: '' });
  };
  for (const route of frontRoutes) add(route, route.described);
  for (const route of routes) add(route, described[`${route.method} ${route.path}`]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Perennial',
      version,
      description: 'Predictions, the data behind them, and the models that give them. Errors say what to do.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: schemas.all,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API key or token of this platform.' },
      },
    },
  };
}

function operation(schemas: Schemas, { method, path, needs }: RouteOf, says: Described): Schema {
  const parameters = parametersOf(path, says);
  const body = bodyOf(schemas, says);
  return {
    operationId: operationId(method, path),
    summary: says.says,
    tags: [tagOf(path)],
    ...(needs === undefined ? { security: [] } : { description: `Needs the permission to ${needs}.` }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: { content: withExample(body, says.example), required: says.takes === undefined },
    }),
    responses: responsesOf(schemas, path, says),
  };
}

export function operationId(method: string, path: string): string {
  const words = path.split('/').filter((part) => part !== '' && part !== 'v1');
  return [method.toLowerCase(), ...words.map((word) => word.replace(/\W/g, '-').replace(/^-/, 'of-'))].join(
    '-',
  );
}

function tagOf(path: string): string {
  if (path.startsWith('/v2')) return 'Open Inference Protocol';
  if (/predict$|requests|batches|labels$/.test(path)) return 'predictions';
  return path.split('/')[2] ?? 'platform';
}

function parametersOf(path: string, { query = {}, headers = {} }: Described): Schema[] {
  return [
    ...[...path.matchAll(/(?<!:):(\w+)/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...Object.entries(query).map(([name, { description, ...schema }]) => ({
      name,
      in: 'query',
      description,
      schema,
    })),
    ...Object.entries(headers).map(([name, description]) => ({
      name,
      in: 'header',
      description,
      schema: { type: 'string' },
    })),
  ];
}

function bodyOf(schemas: Schemas, { takes, fixed, body }: Described): Record<string, Schema> | undefined {
  if (!takes) return body;
  const properties = schemas.properties(takes, fixed);
  return { 'application/json': { type: 'object', properties, additionalProperties: false } };
}

function withExample(content: Record<string, Schema>, example: unknown): Schema {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [
      type,
      { schema, ...(example !== undefined && type === 'application/json' && { example }) },
    ]),
  );
}

function responsesOf(
  schemas: Schemas,
  path: string,
  { gives, answer, served, status = 200 }: Described,
): Schema {
  const message = gives && schemas.of(gives);
  const withServed = {
    allOf: [
      message,
      { type: 'object', properties: { served: { type: 'boolean' }, why_not: { type: 'string' } } },
    ],
  };
  const content = message
    ? { 'application/json': served ? withServed : message }
    : (answer ?? { 'application/json': {} });
  const isProtocol = path.startsWith('/v2');
  return {
    [status]: {
      description: status === 202 ? 'Taken; the location says where to look.' : 'Done.',
      content: withExample(content, undefined),
    },
    default: {
      description: 'What went wrong, and what to do.',
      content: isProtocol
        ? { 'application/json': { schema: { $ref: '#/components/schemas/InferenceError' } } }
        : { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  };
}
