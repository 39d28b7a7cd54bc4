import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { quoteText, type Tables } from '@perennial/tables';
import { sql } from 'kysely';
import { profileFile } from '../effects/profile-file.js';
import type { SegmentFiles } from '../effects/segment-files.js';
import { replaceProfile } from '../profile/profile-store.js';
import type { SetProfile } from '../profile/set-profile.js';
import { discardEntry, shrinkEntry } from '../quarantine/store.js';
import type { Store } from '../store.js';

interface Means {
  readonly tenant: string;
  readonly db: Store;
  readonly tables: Tables;
  readonly files: SegmentFiles;
}

/** What is left of a file of ours. */
interface Left {
  readonly digest: string;
  readonly by: string;
  readonly rows: number;
  /** None where no row is left. */
  readonly set: SetProfile | undefined;
}

/** Rows of a person are gone from files: entries of the quarantine hold fewer, and profiles are made of what is left. */
export function dataErased(means: Means) {
  const { tenant, db, tables, files } = means;
  return handler({
    consumer: 'validate-data-erased',
    event: events.dataErased,
    pace: 'heavy',
    prepare: async ({ body: { replaced } }) => {
      const left: Left[] = [];
      const last = lastOf(replaced);
      for (const digest of await ofOurs(db, tenant, [...last.keys()])) {
        const by = last.get(digest) ?? '';
        const path = by === '' ? undefined : await files.path(by);
        const rows = path === undefined ? 0 : await countRows(tables, path);
        const set = path !== undefined && rows > 0 ? await profileFile(tables, path) : undefined;
        left.push({ digest, by, rows, set });
      }
      return left;
    },
    handle: async ({ prepared, tx, event }) => {
      const store = tx as unknown as Store;
      for (const { digest, by, rows, set } of prepared) {
        for (const entry of await entriesOf(store, tenant, digest)) {
          await (rows === 0
            ? discardEntry(store, entry, event.body.erasureId)
            : shrinkEntry(store, entry, { digest: by, rows }));
        }
        await replaceProfile(store, tenant, digest, set && { digest: by, set });
        await moveVerified(store, tenant, { digest, by, rows });
      }
    },
  });
}

/** A file that was rewritten by more than one pass has the last one's in its place. */
function lastOf(replaced: readonly { digest: string; by: string }[]): Map<string, string> {
  const next = new Map(replaced.map(({ digest, by }) => [digest, by]));
  const last = new Map<string, string>();
  for (const [digest, by] of next) {
    let end = by;
    for (let i = 0; i < next.size && next.has(end); i++) end = next.get(end) ?? '';
    last.set(digest, end);
  }
  return last;
}

async function ofOurs(db: Store, tenant: string, digests: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ digest: string }>`
    select digest from (
      select digest from quarantine where tenant = ${tenant} and status = 'held'
      union select digest from segment_profile where tenant = ${tenant} and level = 0
      union select digest from verified_file where tenant = ${tenant}
    ) as ours where digest = any(${[...digests]}::text[])`.execute(db);
  return rows.map(({ digest }) => digest);
}

async function countRows(tables: Tables, path: string): Promise<number> {
  const [row] = await tables.rows(
    `select sum(num_rows)::double as n from parquet_file_metadata(${quoteText(path)})`,
  );
  return Number(row?.['n'] ?? 0);
}

async function entriesOf(tx: Store, tenant: string, digest: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('quarantine')
    .select('quarantine_id')
    .where('tenant', '=', tenant)
    .where('digest', '=', digest)
    .where('status', '=', 'held')
    .forUpdate()
    .execute();
  return rows.map((row) => row.quarantine_id);
}

async function moveVerified(
  tx: Store,
  tenant: string,
  { digest, by, rows }: Omit<Left, 'set'>,
): Promise<void> {
  const moved = await tx
    .deleteFrom('verified_file')
    .where('tenant', '=', tenant)
    .where('digest', '=', digest)
    .returning(['source', 'kind'])
    .execute();
  if (rows === 0) return;
  for (const { source, kind } of moved) {
    await tx
      .insertInto('verified_file')
      .values({ tenant, source, kind, digest: by })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}
