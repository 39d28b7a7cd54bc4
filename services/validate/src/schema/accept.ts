import { isDeepStrictEqual } from 'node:util';
import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Clock, digestOf, invalid, PlatformError } from '@perennial/kernel';
import {
  type ColumnSchema,
  canonicalSchema,
  compareSchemas,
  parseExpression,
  parseSchema,
  type RowRule,
  type SchemaDocument,
  schemaFromJson,
} from '@perennial/spec';
import type { SegmentFiles } from '../effects/segment-files.js';
import { schemaAggregate, segmentKind } from '../messages.js';
import { reread } from '../profile/profile.js';
import { checkRuleTypes } from '../rules/rule-types.js';
import { lockKnowledge, type Origin, type Store, saveKnowledge, saveSchemaVersion } from '../store.js';
import { schemaInForce } from './in-force.js';
import { inferSchema, readingsOf } from './learned.js';
import { closeProposal, openProposal } from './schema-store.js';

/** A schema that somebody wrote, as JSON or as a file. @throws PlatformError SPEC_INVALID, SCHEMA_JSON_INVALID, SCHEMA_OTHER_SOURCE, SCHEMA_RULE_TYPES */
export function readSchema(text: string, origin: Origin): SchemaDocument {
  const schema = text.trimStart().startsWith('{') ? schemaFromJson(text) : parseSchema(text);
  if (schema.source !== origin.source || schema.of !== origin.kind) {
    throw invalid(
      'SCHEMA_OTHER_SOURCE',
      `schema: it is of the ${schema.of} of "${schema.source}", not of the ${origin.kind} of "${origin.source}"`,
      { field: 'schema' },
    );
  }
  for (const { name, expr, when } of schema.rules) {
    const conditions = [
      [expr, 'expr'],
      [when, 'when'],
    ] as const;
    for (const [condition, field] of conditions) {
      if (condition === undefined) continue;
      const path = `rules.${name}.${field}`;
      checkRuleTypes(parseExpression(condition, path), schema, path);
    }
  }
  return schema;
}

/**
 * What somebody changed is theirs: columns and rules that differ from what was proposed (or is in force, where nothing
 * is) are marked with their name, and are no longer learned.
 */
export function markWritten(written: SchemaDocument, base: SchemaDocument, by: string): SchemaDocument {
  const kept = keepMarks(written, base);
  const columns = Object.entries(kept.columns).map(([name, column]): [string, ColumnSchema] => {
    const before = base.columns[name];
    return [name, before && asked(before) === asked(column) ? column : { ...column, by: column.by ?? by }];
  });
  const rules = kept.rules.map((rule) => ({ ...rule, by: rule.by ?? by }));
  return { ...kept, columns: Object.fromEntries(columns), rules };
}

/** A file need not repeat whose a column or rule is: what asks the same as before stays theirs. */
export function keepMarks(written: SchemaDocument, base: SchemaDocument): SchemaDocument {
  const columns = Object.entries(written.columns).map(([name, column]): [string, ColumnSchema] => {
    const before = base.columns[name];
    const by = column.by ?? (before && asked(before) === asked(column) ? before.by : undefined);
    return [name, by === undefined ? column : { ...column, by }];
  });
  const rules = written.rules.map((rule) => {
    const by = rule.by ?? base.rules.find((one) => same(one, rule))?.by;
    return by === undefined ? rule : { ...rule, by };
  });
  return { ...written, columns: Object.fromEntries(columns), rules };
}

function same({ by: _, ...one }: RowRule, { by: __, ...other }: RowRule): boolean {
  return isDeepStrictEqual(one, other);
}

/** What a column asks, without what is only said about it. */
function asked({ by: _, notes: __, ...column }: ColumnSchema): string {
  return canonicalSchema({ source: '', of: 'rows', columns: { column }, rules: [], dataset: {} });
}

export interface Accepted {
  readonly version: number;
  readonly before: SchemaDocument;
  readonly document: SchemaDocument;
}

/**
 * Puts a schema in force. Without `schema` it is the open proposal.
 *
 * @throws PlatformError PROPOSAL_NOT_FOUND, PROPOSAL_SUPERSEDED
 */
export async function accept(
  tx: Store,
  emit: Emitter,
  {
    origin,
    schema,
    proposalId,
    by,
    means: { clock, files },
  }: {
    origin: Origin;
    schema: SchemaDocument | undefined;
    proposalId: string;
    by: string;
    means: { clock: Clock; files: SegmentFiles };
  },
): Promise<Accepted> {
  const known = await lockKnowledge(tx, origin);
  const open = await openProposal(tx, origin);
  if (proposalId && open?.proposalId !== proposalId) throw superseded(proposalId);
  const chosen = schema ?? open?.document;
  if (!chosen) throw noProposal(origin.source);
  const accepted = schema ? markWritten(schema, open?.document ?? known.document, by) : chosen;
  const readings = readingsOf(known.profile, known.schema, accepted);
  const profile = reread(known.profile, readings);
  const learned = inferSchema(profile, known.schema, accepted);
  const document = schemaInForce(origin, learned, accepted);
  const json = canonicalSchema(document);
  // Content-addressed: written before the commit, and harmless without it.
  await files.storeText(json);
  const version = known.version + 1;
  const next = { profile, schema: learned, accepted, document, digest: digestOf(json), version };
  await saveKnowledge(tx, origin, next);
  await saveSchemaVersion(tx, origin, next, { now: clock.now(), by });
  await closeProposal(tx, origin, schema ? 'superseded' : 'accepted');
  await emit(events.schemaAccepted, schemaAggregate(origin.source, origin.kind), {
    source: origin.source,
    kind: segmentKind(origin.kind),
    version,
    digest: next.digest,
  });
  return { version, before: known.document, document };
}

/** What the accepted schema changed, and what of it is somebody's. */
export function acceptedDifference({ before, document }: Accepted) {
  const columns = Object.entries(document.columns).filter(([, { by }]) => by !== undefined);
  return {
    difference: compareSchemas(before, document),
    written: [
      ...columns.map(([name]) => `columns.${name}`),
      ...document.rules.map(({ name }) => `rules.${name}`),
    ],
  };
}

export function noProposal(source: string): PlatformError {
  return new PlatformError(
    'PROPOSAL_NOT_FOUND',
    'caller',
    'never',
    `source: no schema of "${source}" is proposed; ask for one with "schema propose"`,
    { field: 'source' },
  );
}

function superseded(proposalId: string): PlatformError {
  return new PlatformError(
    'PROPOSAL_SUPERSEDED',
    'caller',
    'never',
    `proposal_id: "${proposalId}" is no longer open; look at the one that is, or accept a file`,
    { field: 'proposal_id' },
  );
}
