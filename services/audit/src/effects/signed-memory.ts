import type { Log } from '@perennial/bus';
import type { Store } from '../store.js';
import { rememberCheckpoint } from './signer.js';

/** A checkpoint that is not remembered yet when the process dies is only missed: the log may be ahead of the memory. */
const everyMs = 1_000;

/** Remembers the last checkpoint beside the key file, as long as it is not stopped. */
export function keepMemory(store: Store, keyFile: string, log: Log): { stop(): Promise<void> } {
  let remembered = -1;
  let writing = Promise.resolve();
  const remember = async () => {
    try {
      const last = await store.lastCheckpoint();
      if (!last || last.size <= remembered) return;
      await rememberCheckpoint(keyFile, last);
      remembered = last.size;
    } catch (error) {
      log.warn('the last checkpoint could not be remembered beside the key', { error: String(error) });
    }
  };
  const next = () => {
    writing = writing.then(remember);
    return writing;
  };
  const timer = setInterval(next, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
      return next();
    },
  };
}
