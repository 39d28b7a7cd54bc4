import type { AnyDb } from '@perennial/db';
import { sql } from 'kysely';
import { pause } from './pause.js';
import type { Shell } from './shell.js';
import { streams } from './streams.js';

const everyMs = 3_600_000;
/** Small, so that no lock lasts and vacuum keeps up. */
const rowsAtOnce = 1_000;
/** Published events are kept to look into; those of protected streams as long as the stream, to rebuild it from. */
const publishedKeptDays = 7;
/** A message may come again as long as its stream keeps it; a month more, for streams that are restored. */
const beyondStreamDays = 30;

/** Lets go, once an hour, of what nothing can ask for any more. */
export async function keepHouse(shell: Shell, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(everyMs, signal);
    if (signal.aborted) return;
    await sweep(shell.database.db).catch((error: unknown) =>
      shell.log.warn('housekeeping waits', { error: String(error) }),
    );
  }
}

export async function sweep(db: AnyDb): Promise<void> {
  for (const { name, maxAgeDays, isProtected } of streams) {
    const published = isProtected ? maxAgeDays + beyondStreamDays : publishedKeptDays;
    await inPieces(() =>
      sql`
        delete from outbox where id in (select id from outbox where stream = ${name}
          and published_at < now() - make_interval(days => ${published}) limit ${rowsAtOnce})`.execute(db),
    );
    await inPieces(() =>
      sql`
        delete from inbox where (consumer, event_id) in (select consumer, event_id from inbox where stream = ${name}
          and handled_at < now() - make_interval(days => ${maxAgeDays + beyondStreamDays}) limit ${rowsAtOnce})`.execute(
        db,
      ),
    );
  }
}

async function inPieces(remove: () => Promise<{ numAffectedRows?: bigint }>): Promise<void> {
  while (Number((await remove()).numAffectedRows ?? 0) === rowsAtOnce);
}
