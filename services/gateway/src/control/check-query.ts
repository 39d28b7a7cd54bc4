import { invalid } from '@perennial/kernel';
import { described } from '../openapi/described.js';

/**
 * Holds a query to what the API description says of its route: a name or a flag that is not understood is refused, for a
 * misspelt `dry-run` would apply, and a misspelt filter show everything. All other values are the route's to read.
 *
 * @throws PlatformError QUERY_INVALID
 */
export function checkQuery(method: string, path: string, query: Readonly<Record<string, unknown>>): void {
  const route = described[`${method} ${path}`];
  if (!route) return;
  const known = route.query ?? {};
  for (const [name, value] of Object.entries(query)) {
    const schema = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!schema) throw wrong(name, `is not known here; ${namesOf(Object.keys(known))}`);
    if (schema['type'] === 'boolean' && value !== 'true' && value !== 'false')
      throw wrong(name, `must be true or false, got ${JSON.stringify(value)}`);
  }
}

function namesOf(names: readonly string[]): string {
  return names.length === 0 ? 'this route takes no parameters' : `there are ${names.join(', ')}`;
}

function wrong(field: string, message: string) {
  return invalid('QUERY_INVALID', `${field} ${message}`, { field });
}
