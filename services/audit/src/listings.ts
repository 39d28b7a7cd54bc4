import { sql } from 'kysely';
import type { RecordedEvent } from './decide/chain.js';
import { readEntry } from './decide/entry.js';
import type { Db } from './tables.js';

export interface EventFilter {
  /** Entries before this index are passed over. */
  readonly from: number;
  readonly limit: number;
  /** Empty matches everything. */
  readonly typePrefix: string;
  readonly subjectContains: string;
}

/** Searching one tenant's log. */
export class Listings {
  constructor(
    private readonly db: Db,
    private readonly tenant: string,
  ) {}

  async events({ from, limit, typePrefix, subjectContains }: EventFilter): Promise<RecordedEvent[]> {
    let query = this.entries().where('entry_index', '>=', from).orderBy('entry_index').limit(limit);
    if (typePrefix !== '') query = query.where('event_type', 'like', `${literal(typePrefix)}%`);
    if (subjectContains !== '') query = query.where('subject', 'like', `%${literal(subjectContains)}%`);
    return (await query.execute()).map(recorded);
  }

  async event(eventId: string): Promise<RecordedEvent | undefined> {
    const row = await this.entries().where('event_id', '=', eventId).executeTakeFirst();
    return row && recorded(row);
  }

  /**
   * The latest event about a thing, of the given types; of those told before another event, where one is given. By the
   * time and the id of the events (an id of one process counts on), not by the index: streams are heard side by side.
   */
  async latest(
    thing: string,
    types: readonly string[] | undefined,
    before?: RecordedEvent,
  ): Promise<RecordedEvent | undefined> {
    let query = this.about([thing])
      .orderBy('occurred_at', 'desc')
      .orderBy(sql`event_id collate "C"`, 'desc')
      .limit(1);
    if (types) query = query.where('event_type', 'in', [...types]);
    if (before) {
      const { occurredAt, eventId } = before.entry;
      query = query.where(sql<boolean>`(occurred_at, event_id collate "C") < (${occurredAt}, ${eventId})`);
    }
    const row = await query.executeTakeFirst();
    return row && recorded(row);
  }

  /** Events of the given types about any of the things, in order. */
  async aboutAny(things: readonly string[], types: readonly string[]): Promise<RecordedEvent[]> {
    if (things.length === 0 || types.length === 0) return [];
    const query = this.about(things).where('event_type', 'in', [...types]);
    return (await query.orderBy('entry_index').execute()).map(recorded);
  }

  async ofType(type: string): Promise<RecordedEvent[]> {
    return (await this.entries().where('event_type', '=', type).orderBy('entry_index').execute()).map(
      recorded,
    );
  }

  /** Ids of known things of a kind, the latest mentioned first. */
  async things(kind: string, limit: number): Promise<string[]> {
    const rows = await this.db
      .selectFrom('mention')
      .select((select) => ['thing', select.fn.max('entry_index').as('last')])
      .where('tenant', '=', this.tenant)
      .where('thing', 'like', `${literal(kind)}:%`)
      .groupBy('thing')
      .orderBy('last', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ thing }) => thing.slice(kind.length + 1));
  }

  private entries() {
    return this.db.selectFrom('entry').select(['entry_index', 'content']).where('tenant', '=', this.tenant);
  }

  private about(things: readonly string[]) {
    return this.entries().where('entry_index', 'in', (select) =>
      select
        .selectFrom('mention')
        .select('mention.entry_index')
        .where('mention.tenant', '=', this.tenant)
        .where('mention.thing', 'in', [...things]),
    );
  }
}

function recorded(row: { entry_index: string | number; content: Buffer }): RecordedEvent {
  return { index: Number(row.entry_index), entry: readEntry(row.content) };
}

/** A text that `like` takes as it is. */
function literal(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
