import type { SchemaDocument } from '@perennial/spec';
import { quoteIdentifier, quoteText } from '@perennial/tables';
import type { ReadTable, References } from '../rules/declared.js';
import type { Origin, Store } from '../store.js';
import type { SegmentFiles } from './segment-files.js';

/** Keeps where verified rows lie, so that rules of other sources can refer to them. */
export async function saveVerifiedFile(tx: Store, origin: Origin, digest: string): Promise<void> {
  await tx
    .insertInto('verified_file')
    .values({ ...origin, digest })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** Many files became one with the same rows. */
export async function replaceVerifiedFiles(
  tx: Store,
  origin: Origin,
  { replaced, digest }: { replaced: readonly string[]; digest: string },
): Promise<void> {
  if (replaced.length === 0) return;
  const removed = await tx
    .deleteFrom('verified_file')
    .where('tenant', '=', origin.tenant)
    .where('source', '=', origin.source)
    .where('kind', '=', origin.kind)
    .where('digest', 'in', [...replaced])
    .returning('digest')
    .execute();
  if (removed.length > 0) await saveVerifiedFile(tx, origin, digest);
}

/** SQL of the rows that a document's rules refer to: of all files that were verified by now. */
export async function referredRows(
  db: Store,
  { files, tenant }: { files: SegmentFiles; tenant: string },
  document: SchemaDocument | undefined,
): Promise<ReadTable['keysOf']> {
  const sources = new Set((document?.rules ?? []).flatMap(({ references }) => references?.source ?? []));
  const paths = new Map<string, string[]>();
  for (const source of sources) {
    const rows = await db
      .selectFrom('verified_file')
      .select('digest')
      .where('tenant', '=', tenant)
      .where('source', '=', source)
      .where('kind', '=', 'rows')
      .execute();
    paths.set(source, await Promise.all(rows.map(({ digest }) => files.path(digest))));
  }
  return (references) => keysIn(references, paths.get(references.source) ?? []);
}

function keysIn({ to }: References, paths: readonly string[]): string {
  const cells = to.map((column) => `${quoteIdentifier(column)}::varchar`);
  const key = cells.length === 1 ? cells[0] : `(${cells.join(', ')})`;
  const nothing = to.map(() => 'null::varchar');
  if (paths.length === 0)
    return `select ${to.length === 1 ? nothing[0] : `(${nothing.join(', ')})`} where false`;
  const isThere = to.map((column) => `${quoteIdentifier(column)} is not null`).join(' and ');
  return `select ${key} from read_parquet([${paths.map(quoteText).join(', ')}], union_by_name = true) where ${isThere}`;
}
