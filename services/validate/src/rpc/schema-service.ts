import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AcceptSchemaResponseSchema,
  GetSchemaVersionResponseSchema,
  ListSchemaVersionsResponseSchema,
  SchemaDifferenceSchema,
  type SchemaOf,
  SchemaProposalSchema,
  SchemaService,
} from '@perennial/contracts';
import { invalid, notFound, type PlatformError, uuidv7 } from '@perennial/kernel';
import { rpc } from '@perennial/service';
import { canonicalSchema, compareSchemas, type SchemaDocument, schemaYaml } from '@perennial/spec';
import { kindOf, segmentKind } from '../messages.js';
import { accept, acceptedDifference, keepMarks, noProposal, readSchema } from '../schema/accept.js';
import { impliedDocument, propose } from '../schema/propose.js';
import {
  findVersion,
  listVersions,
  openProposal,
  type Proposal,
  type Version,
} from '../schema/schema-store.js';
import { findKnowledge, type Origin } from '../store.js';
import type { RpcContext } from './context.js';
import { getProfile } from './profile.js';

/** Versions in an answer, where nobody says how many; and at most. */
const versionsUsual = 100;
const versionsMax = 1_000;

export function schemaService(context: RpcContext) {
  const originOf = (of: SchemaOf | undefined) => originIn(context, of);
  return rpc(SchemaService, {
    proposeSchema: async ({ of }) => ({ proposal: await proposeNow(context, originOf(of)) }),
    getProposal: async ({ of }) => {
      const origin = originOf(of);
      const [open, known] = [await openProposal(context.db, origin), await knownOf(context, origin)];
      if (!open) throw noProposal(origin.source);
      return { proposal: proposalMessage(open, origin, known.document) };
    },
    checkSchema: async ({ of, schema }) => {
      const origin = originOf(of);
      const before = (await findKnowledge(context.db, origin))?.document ?? emptyOf(origin);
      return { difference: differenceMessage(before, keepMarks(readSchema(schema, origin), before)) };
    },
    acceptSchema: async ({ of, schema, proposalId, acceptedBy }) => {
      const origin = originOf(of);
      if (!acceptedBy) throw invalid('SCHEMA_BY', 'accepted_by: say who accepts', { field: 'accepted_by' });
      const written = schema ? readSchema(schema, origin) : undefined;
      const accepted = await context.transact(uuidv7(context.clock), (tx, emit) =>
        accept(tx, emit, { origin, schema: written, proposalId, by: acceptedBy, means: context }),
      );
      const { difference, written: names } = acceptedDifference(accepted);
      return create(AcceptSchemaResponseSchema, {
        version: accepted.version,
        difference: { ...difference, changes: [...difference.changes] },
        written: names,
      });
    },
    listSchemaVersions: async ({ of, beforeVersion, limit }) => {
      const versions = await listVersions(context.db, originOf(of), {
        before: beforeVersion || 2 ** 31 - 1,
        limit: Math.min(versionsMax, limit || versionsUsual),
      });
      return create(ListSchemaVersionsResponseSchema, { versions: versions.map(versionMessage) });
    },
    getSchemaVersion: async ({ of, version }) => {
      const found = await versionOf(context, originOf(of), version);
      return create(GetSchemaVersionResponseSchema, {
        version: versionMessage(found),
        schemaJson: canonicalSchema(found.document),
        schemaYaml: schemaYaml(found.document),
      });
    },
    diffSchemas: async ({ of, fromVersion, toVersion }) => {
      const origin = originOf(of);
      const [from, to] = [
        await versionOf(context, origin, fromVersion),
        await versionOf(context, origin, toVersion),
      ];
      return { difference: differenceMessage(from.document, to.document) };
    },
    getProfile: (request) => getProfile(context, originOf(request.of), request),
  });
}

export function originIn({ tenant }: RpcContext, of: SchemaOf | undefined): Origin {
  if (!of?.source) throw invalid('SCHEMA_OF', 'source: name the source', { field: 'source' });
  return { tenant, source: of.source, kind: kindOf(of.kind) };
}

async function proposeNow(context: RpcContext, origin: Origin) {
  const implied = await impliedDocument(context, context.db, origin, await knownOf(context, origin));
  if (!implied) throw nothingVerified(origin);
  const { proposal, known } = await context.transact(uuidv7(context.clock), (tx, emit) =>
    propose(tx, emit, { clock: context.clock, origin, implied }),
  );
  return proposalMessage(proposal, origin, known.document);
}

async function knownOf({ db }: RpcContext, origin: Origin) {
  const known = await findKnowledge(db, origin);
  if (!known) throw nothingVerified(origin);
  return known;
}

async function versionOf({ db }: RpcContext, origin: Origin, asked: number) {
  const [newest] = asked === 0 ? await listVersions(db, origin, { before: 2 ** 31 - 1, limit: 1 }) : [];
  const version = newest?.version ?? asked;
  const found = version === 0 ? undefined : await findVersion(db, origin, version);
  if (found) return found;
  if (version === 0) throw nothingVerified(origin);
  throw notFound(
    'SCHEMA_VERSION_NOT_FOUND',
    `version: the ${origin.kind} of "${origin.source}" have no schema version ${version}`,
    {
      field: 'version',
    },
  );
}

function nothingVerified({ source, kind }: Origin): PlatformError {
  return notFound('SCHEMA_NOT_FOUND', `source: no ${kind} of "${source}" were verified yet`, {
    field: 'source',
  });
}

function emptyOf({ source, kind }: Origin): SchemaDocument {
  return { source, of: kind, columns: {}, rules: [], dataset: {} };
}

function versionMessage({ version, digest, acceptedAt, acceptedBy }: Version) {
  return { version, digest, acceptedAt: timestampFromMs(acceptedAt), acceptedBy };
}

function differenceMessage(from: SchemaDocument, to: SchemaDocument) {
  const { compatibility, changes } = compareSchemas(from, to);
  return create(SchemaDifferenceSchema, { compatibility, changes: [...changes] });
}

function proposalMessage(proposal: Proposal, { source, kind }: Origin, inForce: SchemaDocument) {
  return create(SchemaProposalSchema, {
    source,
    kind: segmentKind(kind),
    proposalId: proposal.proposalId,
    schemaJson: canonicalSchema(proposal.document),
    schemaYaml: schemaYaml(proposal.document),
    baseVersion: proposal.baseVersion,
    rows: BigInt(proposal.rows),
    proposedAt: timestampFromMs(proposal.proposedAt),
    difference: differenceMessage(inForce, proposal.document),
  });
}
