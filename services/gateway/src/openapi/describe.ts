import type { DescMessage } from '@bufbuild/protobuf';
import type { Schema } from './schema.js';

/** What a route's description says beside its method, its path and what it needs, which the route says itself. */
export interface Described {
  readonly says: string;
  /** A message in the body; `fixed` of its fields come from path and token. */
  readonly takes?: DescMessage;
  readonly fixed?: readonly string[];
  /** A body that is no message: content types and their schemas. */
  readonly body?: Readonly<Record<string, Schema>>;
  readonly example?: unknown;
  readonly gives?: DescMessage;
  /** An answer that is no message. */
  readonly answer?: Readonly<Record<string, Schema>>;
  /** Answered with this status; 200 when left out. */
  readonly status?: number;
  /** The answer says beside what is named whether this gateway serves the change. */
  readonly served?: true;
  readonly query?: Readonly<Record<string, Schema & { readonly description: string }>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const json = (name: string) => ({ 'application/json': ref(name) });
export const file = (...types: string[]) =>
  Object.fromEntries(types.map((type) => [type, { type: 'string', format: 'binary' }]));
export const flag = (description: string) => ({ type: 'boolean', description });
export const word = (description: string) => ({ type: 'string', description });
export const whole = (description: string) => ({ type: 'integer', minimum: 0, description });
export const oneOf = (description: string, ...values: string[]) => ({
  type: 'string',
  enum: values,
  description,
});
