import { events } from '@perennial/contracts';
import { type AnyDb, type Database, type Tx, transact } from '@perennial/db';
import { type Clock, invalid, notFound, PlatformError } from '@perennial/kernel';
import { sql } from 'kysely';
import { emitterFor } from './emitter.js';
import { outboxChannel } from './outbox-channel.js';

export type DeadLetterStatus = 'open' | 'requeued' | 'discarded';

/** One parked message, as an operator sees it. */
export interface DeadLetterRow {
  readonly deadLetterId: string;
  readonly consumer: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  /** `requeued` also when it has been handled since; when that failed it is `open` again. */
  readonly status: DeadLetterStatus;
  /** The body as text; for events ProtoJSON. */
  readonly bodyJson: string;
  readonly recordedAt: Date;
}

export interface Decision {
  readonly deadLetterId: string;
  readonly decision: 'requeue' | 'discard';
  readonly reason: string;
  readonly decidedBy: string;
  readonly tenant: string;
  readonly service: string;
  readonly clock: Clock;
}

interface Row {
  readonly dead_letter_id: string;
  readonly consumer: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly status: DeadLetterStatus;
  readonly body: Uint8Array;
  readonly recorded_at: Date;
}

const listedMax = 500;
const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const deadLetters = {
  /** The newest first, at most 500. */
  async list(db: AnyDb, { includeDecided }: { includeDecided: boolean }): Promise<DeadLetterRow[]> {
    const { rows } = await sql<Row>`
      select * from dead_letter where ${includeDecided} or status = 'open'
      order by recorded_at desc, dead_letter_id limit ${listedMax}`.execute(db);
    return rows.map(shown);
  },

  /**
   * Discards an open one, or gives it to its handler again: the running service takes it up at once, from the copy that
   * was kept, in a transaction of its own.
   *
   * @throws PlatformError DEAD_LETTER_NOT_FOUND, DEAD_LETTER_CONFLICT, DECISION_INVALID
   */
  async decide(database: Database, decision: Decision): Promise<DeadLetterRow> {
    checkDecision(decision);
    return transact(database.db, async (tx) => {
      const row = await lockOpen(tx, decision.deadLetterId);
      const status = decision.decision === 'requeue' ? 'requeued' : 'discarded';
      await sql`
        update dead_letter set status = ${status}, decided_by = ${decision.decidedBy},
          decided_reason = ${decision.reason}, decided_at = now(), handled_at = null
        where dead_letter_id = ${row.dead_letter_id}`.execute(tx);
      const { deadLetterId, reason, decidedBy } = decision;
      const emit = emitterFor(tx, decision);
      await emit(events.deadLetterDecided, deadLetterId, {
        deadLetterId,
        decision: status,
        reason,
        decidedBy,
      });
      await sql`select pg_notify(${sql.lit(outboxChannel)} || current_schema(), '')`.execute(tx);
      return shown({ ...row, status });
    });
  },
};

function checkDecision({ decision, reason, deadLetterId }: Decision): void {
  if (decision !== 'requeue' && decision !== 'discard') {
    throw invalid('DECISION_INVALID', `decision: "${decision}" is neither "requeue" nor "discard"`, {
      field: 'decision',
    });
  }
  if (decision === 'discard' && !reason.trim()) {
    throw invalid('DECISION_INVALID', 'reason: say why the message may be discarded', { field: 'reason' });
  }
  if (!idPattern.test(deadLetterId)) throw unknown(deadLetterId);
}

async function lockOpen(tx: Tx, deadLetterId: string): Promise<Row> {
  const { rows } = await sql<Row>`
    select * from dead_letter where dead_letter_id = ${deadLetterId}::uuid for update`.execute(tx);
  const row = rows[0];
  if (!row) throw unknown(deadLetterId);
  if (row.status !== 'open') {
    throw new PlatformError(
      'DEAD_LETTER_CONFLICT',
      'caller',
      'never',
      `dead letter ${deadLetterId} is ${row.status} already; only open ones can be decided`,
    );
  }
  return row;
}

function unknown(deadLetterId: string) {
  return notFound('DEAD_LETTER_NOT_FOUND', `dead letter: there is no "${deadLetterId}"; look at the list`, {
    field: 'dead_letter_id',
  });
}

function shown(row: Row): DeadLetterRow {
  return {
    deadLetterId: row.dead_letter_id,
    consumer: row.consumer,
    eventId: row.event_id,
    eventType: row.event_type,
    code: row.code,
    reason: row.reason,
    attempts: row.attempts,
    status: row.status,
    bodyJson: Buffer.from(row.body).toString('utf8'),
    recordedAt: row.recorded_at,
  };
}
