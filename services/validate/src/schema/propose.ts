import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Clock, PlatformError, uuidv7 } from '@perennial/kernel';
import { canonicalSchema, compareSchemas, type SchemaDocument, schemaDigest } from '@perennial/spec';
import type { Tables } from '@perennial/tables';
import type { SegmentFiles } from '../effects/segment-files.js';
import { zoneNotes } from '../effects/zone-notes.js';
import { schemaAggregate, segmentKind } from '../messages.js';
import { profileBetween } from '../profile/profile-store.js';
import { lockKnowledge, type Origin, type SourceKnowledge, type Store } from '../store.js';
import { inferDocument } from './infer-document.js';
import { openProposal, type Proposal, saveProposal } from './schema-store.js';

/** Notes that an event carries. */
const notesMax = 100;

export interface ProposeMeans {
  readonly clock: Clock;
  readonly tables: Tables;
  readonly files: SegmentFiles;
}

/** The document that all verified rows of a source imply; undefined while there are none. */
export async function impliedDocument(
  { tables, files }: ProposeMeans,
  db: Store,
  origin: Origin,
  known: Pick<SourceKnowledge, 'profile' | 'accepted'>,
): Promise<{ document: SchemaDocument; rows: number } | undefined> {
  const { profile, digests } = await profileBetween(db, origin);
  if (profile.rows === 0) return undefined;
  const paths = await pathsThere(files, digests);
  const notes = await zoneNotes(tables, paths, profile);
  const implied = inferDocument(origin, profile, { raw: known.profile.forms ?? {}, notes });
  return { document: keepingWritten(implied, known.accepted), rows: profile.rows };
}

/** Files that are still there: small ones are compacted and removed, and a closer look does with those that are left. */
async function pathsThere(files: SegmentFiles, digests: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const digest of digests) {
    try {
      paths.push(await files.path(digest));
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'ARTIFACT_NOT_FOUND') throw error;
    }
  }
  return paths;
}

/** What somebody wrote stays: columns that carry `by`, rules, and what is expected of the set. */
function keepingWritten(implied: SchemaDocument, accepted: SchemaDocument | undefined): SchemaDocument {
  if (!accepted) return implied;
  const written = Object.entries(accepted.columns).filter(([, column]) => column.by !== undefined);
  return {
    ...implied,
    columns: { ...implied.columns, ...Object.fromEntries(written) },
    rules: accepted.rules,
    dataset: { ...implied.dataset, ...accepted.dataset },
  };
}

/**
 * Opens the proposal and tells it, where it differs from what is in force or says what nobody has read yet; one that is
 * open already and says the same stays. Returns the open one.
 */
export async function propose(
  tx: Store,
  emit: Emitter,
  {
    clock,
    origin,
    implied: { document, rows },
  }: { clock: Clock; origin: Origin; implied: { document: SchemaDocument; rows: number } },
): Promise<{ proposal: Proposal; known: SourceKnowledge }> {
  const known = await lockKnowledge(tx, origin);
  const open = await openProposal(tx, origin);
  if (open && canonicalSchema(open.document) === canonicalSchema(document)) return { proposal: open, known };
  const saved: Proposal = {
    proposalId: uuidv7(clock),
    document,
    digest: schemaDigest(document),
    baseVersion: known.version,
    rows,
    proposedAt: clock.now(),
  };
  await saveProposal(tx, origin, saved);
  const { source, kind } = origin;
  await emit(events.schemaProposed, schemaAggregate(source, kind), {
    source,
    kind: segmentKind(kind),
    proposalId: saved.proposalId,
    baseVersion: saved.baseVersion,
    digest: saved.digest,
    rows: BigInt(rows),
    compatibility: compareSchemas(known.document, document).compatibility,
    notes: notesOf(document).slice(0, notesMax),
  });
  return { proposal: saved, known };
}

/** What is odd about the data: of the set, then column by column. */
export function notesOf(document: SchemaDocument): string[] {
  const ofColumns = Object.entries(document.columns).flatMap(([name, { notes = [] }]) =>
    notes.map((note) => `${name}: ${note}`),
  );
  return [...(document.notes ?? []), ...ofColumns];
}
