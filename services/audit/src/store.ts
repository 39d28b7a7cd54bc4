import type { NodeAddress, TreeNode } from '@perennial/tlog';
import { lastLeafOf } from '@perennial/tlog';
import { sql } from 'kysely';
import type { Entry } from './decide/entry.js';
import { mentionsOf } from './decide/mentions.js';
import type { Db } from './tables.js';
import type { LogPage, StoredCheckpoint } from './verification.js';

/** Rows in one statement: PostgreSQL takes 65,535 parameters, an entry has 10. */
const rowsMax = 2_000;

export interface LogHead {
  readonly origin: string;
  readonly verifierKey: string;
  readonly size: number;
}

export interface SignedCheckpoint {
  readonly size: number;
  readonly note: string;
  readonly signedAt: Date;
}

/** One tenant's log: the SQL of recording and proving. Searching is in listings.ts. */
export class Store {
  constructor(
    private readonly db: Db,
    private readonly tenant: string,
  ) {}

  async head(): Promise<LogHead | undefined> {
    return this.headOf(false);
  }

  /** Holds all others who would append until the transaction ends. */
  async lockHead(): Promise<LogHead | undefined> {
    return this.headOf(true);
  }

  private async headOf(lock: boolean): Promise<LogHead | undefined> {
    const query = this.db.selectFrom('log_head').selectAll().where('tenant', '=', this.tenant);
    const row = await (lock ? query.forUpdate() : query).executeTakeFirst();
    return row && { origin: row.origin, verifierKey: row.verifier_key, size: Number(row.size) };
  }

  /** Begins the log. Of two that begin at once one waits for the other; false where the log had begun. */
  async begin(head: { origin: string; verifierKey: string }): Promise<boolean> {
    const row = { tenant: this.tenant, origin: head.origin, verifier_key: head.verifierKey, size: 0 };
    const result = await this.db
      .insertInto('log_head')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return result.numInsertedOrUpdatedRows === 1n;
  }

  async signerKey(): Promise<string | undefined> {
    const row = await this.db
      .selectFrom('signing_key')
      .select('signer_key')
      .where('tenant', '=', this.tenant)
      .executeTakeFirst();
    return row?.signer_key;
  }

  async keepSignerKey(signerKey: string): Promise<void> {
    await this.db.insertInto('signing_key').values({ tenant: this.tenant, signer_key: signerKey }).execute();
  }

  /** Which of the events are recorded, with the content that is. */
  async recorded(eventIds: readonly string[]): Promise<Map<string, Uint8Array>> {
    const rows = await this.db
      .selectFrom('entry')
      .select(['event_id', 'content'])
      .where('tenant', '=', this.tenant)
      .where('event_id', 'in', [...eventIds, ''])
      .execute();
    return new Map(rows.map((row) => [row.event_id, row.content]));
  }

  /** Writes entries from index `first` on, the nodes they completed, and the new size. */
  async append(first: number, entries: readonly Entry[], nodes: readonly TreeNode[]): Promise<void> {
    const { tenant } = this;
    const entryRows = entries.map((entry, at) => ({
      tenant,
      entry_index: first + at,
      content: Buffer.from(entry.content),
      event_id: entry.eventId,
      event_type: entry.eventType,
      subject: entry.subject,
      service: entry.service,
      causation_id: entry.causationId,
      correlation_id: entry.correlationId,
      occurred_at: entry.occurredAt,
    }));
    for (const rows of pagesOf(entryRows)) await this.db.insertInto('entry').values(rows).execute();
    const nodeRows = nodes.map((node) => ({
      tenant,
      last_leaf: lastLeafOf(node),
      level: node.level,
      hash: Buffer.from(node.hash),
    }));
    for (const rows of pagesOf(nodeRows)) await this.db.insertInto('tree_node').values(rows).execute();
    const mentionRows = entries.flatMap((entry, at) =>
      mentionsOf(entry).map((thing) => ({ tenant, thing, entry_index: first + at })),
    );
    for (const rows of pagesOf(mentionRows)) await this.db.insertInto('mention').values(rows).execute();
    await this.db
      .updateTable('log_head')
      .set({ size: first + entries.length })
      .where('tenant', '=', tenant)
      .execute();
  }

  /** Hashes in the order of `nodes`; undefined where one is not there. */
  async hashes(nodes: readonly NodeAddress[]): Promise<(Uint8Array | undefined)[]> {
    if (nodes.length === 0) return [];
    const wanted = nodes.map((node) => sql`(${lastLeafOf(node)}::bigint, ${node.level}::smallint)`);
    const { rows } = await sql<{ last_leaf: string; level: number; hash: Buffer }>`
      select last_leaf, level, hash from tree_node
      where tenant = ${this.tenant} and (last_leaf, level) in (${sql.join(wanted)})`.execute(this.db);
    const found = new Map(rows.map((row) => [`${row.last_leaf}/${row.level}`, row.hash]));
    return nodes.map((node) => found.get(`${lastLeafOf(node)}/${node.level}`));
  }

  async keepCheckpoint({ size, note, signedAt }: SignedCheckpoint): Promise<void> {
    await this.db
      .insertInto('checkpoint')
      .values({ tenant: this.tenant, size, note, signed_at: signedAt })
      .execute();
  }

  async lastCheckpoint(): Promise<SignedCheckpoint | undefined> {
    const row = await this.db
      .selectFrom('checkpoint')
      .selectAll()
      .where('tenant', '=', this.tenant)
      .orderBy('size', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row && { size: Number(row.size), note: row.note, signedAt: row.signed_at };
  }

  /**
   * Entries with an index from `from` on, at most `count`, and whatever was kept with the indexes up to the last one.
   * What lies between is included where it should not be: it is for the verifier to see.
   */
  async page(from: number, count: number): Promise<LogPage> {
    const entries = await this.db
      .selectFrom('entry')
      .selectAll()
      .where('tenant', '=', this.tenant)
      .where('entry_index', '>=', from)
      .orderBy('entry_index')
      .limit(count)
      .execute();
    const end = Number(entries.at(-1)?.entry_index ?? from - 1);
    const nodes = await this.db
      .selectFrom('tree_node')
      .select(['last_leaf', 'level', 'hash'])
      .where('tenant', '=', this.tenant)
      .where('last_leaf', '>=', from)
      .where('last_leaf', '<=', end)
      .execute();
    const checkpoints = await this.db
      .selectFrom('checkpoint')
      .selectAll()
      .where('tenant', '=', this.tenant)
      .where('size', '>', from)
      .where('size', '<=', end + 1)
      .execute();
    return {
      entries: entries.map(({ entry_index, content, tenant: _, ...columns }) => ({
        index: Number(entry_index),
        content,
        columns,
      })),
      nodes: nodes.map(({ last_leaf, level, hash }) => ({ lastLeaf: Number(last_leaf), level, hash })),
      checkpoints: checkpoints.map(({ size, note, signed_at }) =>
        storedCheckpoint({ size: Number(size), note, signedAt: signed_at }),
      ),
    };
  }

  async nodesFrom(lastLeaf: number): Promise<number> {
    const row = await this.db
      .selectFrom('tree_node')
      .select((select) => select.fn.countAll<string>().as('count'))
      .where('tenant', '=', this.tenant)
      .where('last_leaf', '>=', lastLeaf)
      .executeTakeFirst();
    return Number(row?.count ?? 0);
  }
}

/** The text of a note, without its signatures. */
export function storedCheckpoint({ size, note, signedAt }: SignedCheckpoint): StoredCheckpoint {
  return { size, text: note.slice(0, note.lastIndexOf('\n\n') + 1), signedAt };
}

function* pagesOf<T>(rows: readonly T[]): Generator<T[]> {
  for (let at = 0; at < rows.length; at += rowsMax) yield rows.slice(at, at + rowsMax);
}
