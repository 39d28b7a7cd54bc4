import { canonicalSchema, type SchemaDocument } from '@perennial/spec';
import type { Origin, Store } from '../store.js';
import { schemaInForce } from './in-force.js';

export interface Proposal {
  readonly proposalId: string;
  readonly document: SchemaDocument;
  readonly digest: string;
  readonly baseVersion: number;
  /** Verified rows that it was made from. */
  readonly rows: number;
  /** Ms since the epoch. */
  readonly proposedAt: number;
}

export interface Version {
  readonly version: number;
  readonly digest: string;
  readonly acceptedAt: number;
  /** Empty where verified rows implied it. */
  readonly acceptedBy: string;
}

/** The proposal of a source that waits for somebody. */
export async function openProposal(
  db: Store,
  { tenant, source, kind }: Origin,
): Promise<Proposal | undefined> {
  const row = await db
    .selectFrom('schema_proposal')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .where('status', '=', 'open')
    .executeTakeFirst();
  return (
    row && {
      proposalId: row.proposal_id,
      document: row.document,
      digest: row.digest,
      baseVersion: row.base_version,
      rows: Number(row.rows),
      proposedAt: row.proposed_at.getTime(),
    }
  );
}

/** Opens a proposal; the one that was open is superseded. The source's knowledge is locked. */
export async function saveProposal(
  tx: Store,
  { tenant, source, kind }: Origin,
  proposal: Proposal,
): Promise<void> {
  await closeProposal(tx, { tenant, source, kind }, 'superseded');
  await tx
    .insertInto('schema_proposal')
    .values({
      ...{ tenant, source, kind },
      proposal_id: proposal.proposalId,
      document: canonicalSchema(proposal.document),
      digest: proposal.digest,
      base_version: proposal.baseVersion,
      rows: proposal.rows,
      status: 'open',
      proposed_at: new Date(proposal.proposedAt),
    })
    .execute();
}

/** The most rows that a proposal of this source was made from, whatever became of it; 0 before the first. */
export async function proposedRows(db: Store, { tenant, source, kind }: Origin): Promise<number> {
  const row = await db
    .selectFrom('schema_proposal')
    .select(({ fn }) => fn.max('rows').as('rows'))
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .executeTakeFirst();
  return Number(row?.rows ?? 0);
}

export async function closeProposal(
  tx: Store,
  { tenant, source, kind }: Origin,
  status: 'accepted' | 'superseded',
): Promise<void> {
  await tx
    .updateTable('schema_proposal')
    .set({ status })
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .where('status', '=', 'open')
    .execute();
}

/** Versions before `before`, newest first. */
export async function listVersions(
  db: Store,
  { tenant, source, kind }: Origin,
  { before, limit }: { before: number; limit: number },
): Promise<Version[]> {
  const rows = await db
    .selectFrom('schema_version')
    .select(['version', 'digest', 'accepted_at', 'accepted_by'])
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind)
    .where('version', '<', before)
    .orderBy('version', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    version: row.version,
    digest: row.digest,
    acceptedAt: row.accepted_at.getTime(),
    acceptedBy: row.accepted_by,
  }));
}

/** A version with its document; one from before there were documents is told as what it learned. */
export async function findVersion(
  db: Store,
  origin: Origin,
  version: number,
): Promise<(Version & { document: SchemaDocument }) | undefined> {
  const row = await db
    .selectFrom('schema_version')
    .selectAll()
    .where('tenant', '=', origin.tenant)
    .where('source', '=', origin.source)
    .where('kind', '=', origin.kind)
    .where('version', '=', version)
    .executeTakeFirst();
  return (
    row && {
      version: row.version,
      digest: row.digest,
      acceptedAt: row.accepted_at.getTime(),
      acceptedBy: row.accepted_by,
      document: row.document ?? schemaInForce(origin, row.schema, undefined),
    }
  );
}
