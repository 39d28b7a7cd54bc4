import {
  AcceptSchemaRequestSchema,
  AcceptSchemaResponseSchema,
  CheckSchemaRequestSchema,
  GetProfileResponseSchema,
  GetSchemaVersionResponseSchema,
  ListSchemaVersionsResponseSchema,
  SchemaDifferenceSchema,
  SchemaProposalSchema,
} from '@perennial/contracts';
import { type Described, oneOf, whole, word } from './describe.js';

const kind = oneOf('rows when left out.', 'rows', 'labels');
const example = {
  schema:
    'apiVersion: perennial/v1\nkind: Schema\nsource: shop\ncolumns:\n  items: { type: integer, range: { low: 1 } }\n',
};

/** Schemas of sources, and profiles of their rows. */
export const describedSchemas: Readonly<Record<string, Described>> = {
  'GET /v1/sources/:source/schema/versions': {
    says: 'Versions of a schema, newest first.',
    gives: ListSchemaVersionsResponseSchema,
    query: {
      kind,
      before: whole('Only versions before this one.'),
      limit: whole('How many; 100 when left out, at most 1,000.'),
    },
  },
  'GET /v1/sources/:source/schema/version': {
    says: 'One version of a schema, as JSON and as a file.',
    gives: GetSchemaVersionResponseSchema,
    query: { kind, version: whole('Which; the one in force when left out.') },
  },
  'GET /v1/sources/:source/schema/diff': {
    says: 'What changed between two versions, and whether it widens or breaks.',
    gives: SchemaDifferenceSchema,
    query: { kind, from: whole('One version.'), to: whole('The other; the one in force when left out.') },
  },
  'GET /v1/sources/:source/schema/proposal': {
    says: 'The schema that is proposed, against the one in force.',
    gives: SchemaProposalSchema,
    query: { kind },
  },
  'POST /v1/sources/:source/schema/proposal': {
    says: 'Propose what all verified rows imply.',
    gives: SchemaProposalSchema,
    query: { kind },
  },
  'POST /v1/sources/:source/schema/check': {
    says: 'What accepting a schema would change; nothing is changed.',
    takes: CheckSchemaRequestSchema,
    fixed: ['of'],
    gives: SchemaDifferenceSchema,
    query: { kind },
    example,
  },
  'POST /v1/sources/:source/schema': {
    says: 'Put a schema in force: the proposal, or the one in the body.',
    takes: AcceptSchemaRequestSchema,
    fixed: ['of'],
    gives: AcceptSchemaResponseSchema,
    query: { kind },
    example,
  },
  'GET /v1/sources/:source/profile': {
    says: 'What verified rows look like, merged from the profiles of their segments.',
    gives: GetProfileResponseSchema,
    query: {
      kind,
      from: word('Only segments with rows at this event time or later.'),
      to: word('Only segments with rows before this event time.'),
    },
  },
};
