import type { AnyDb, Tx } from './database.js';
import { isLostRace } from './transient.js';

/** Deadlocks end when one of two gives way; more losses in a row mean that the order of locking is wrong. */
const attemptsMax = 6;

/**
 * Runs `work` in one READ COMMITTED transaction and commits. Run again, from its beginning, when it lost a deadlock
 * or a serialization race; so `work` must have no effect outside of the transaction.
 */
export async function transact<T>(db: AnyDb, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (!isLostRace(error) || attempt === attemptsMax) throw error;
      // Apart, or both would meet again; the range only spreads them and decides nothing.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * attempt));
    }
  }
}
