import type { SchemaDocument } from '@perennial/spec';
import { reread, withForms } from './profile/profile.js';
import type { TextForms } from './profile/text-forms.js';
import type { Knowledge } from './rules/judge-segment.js';
import { columnsInForce } from './schema/in-force.js';
import { inferSchema, readingsOf } from './schema/learned.js';

/** What is known with what the texts of a segment looked like: they may tell how its own cells are to be read. */
export function readingWith(
  before: Knowledge,
  forms: Readonly<Record<string, TextForms>>,
): { known: Knowledge; columns: SchemaDocument['columns'] } {
  const counted = withForms(before.profile, forms);
  const readings = readingsOf(counted, before.schema, before.accepted);
  const profile = reread(counted, readings);
  const schema = inferSchema(profile, before.schema, before.accepted);
  const read = Object.entries(readings).flatMap(([name, reading]) =>
    reading ? [[name, reading] as const] : [],
  );
  // Of a column that comes for the first time nothing else is known yet.
  const columns = { ...Object.fromEntries(read), ...columnsInForce(schema, before.accepted) };
  return { known: { ...before, profile, schema }, columns };
}
