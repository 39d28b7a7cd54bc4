import { uuidv7 } from '@perennial/kernel';

/** Batches of one process, told apart from those of every other. */
const prefix = uuidv7().slice(0, 18);
let count = 0;

/** Unique over processes and restarts. */
export function nextBatchId(): string {
  return `${prefix}-${(count++).toString(36)}`;
}
