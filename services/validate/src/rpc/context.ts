import type { Emitter } from '@perennial/bus';
import type { Clock } from '@perennial/kernel';
import type { Tables } from '@perennial/tables';
import type { SegmentFiles } from '../effects/segment-files.js';
import type { Store } from '../store.js';

/** What the API stands on. */
export interface RpcContext {
  readonly tenant: string;
  readonly clock: Clock;
  readonly db: Store;
  readonly tables: Tables;
  readonly files: SegmentFiles;
  /** Runs `work` in one transaction; what it emits is told when that commits, in one chain named by the correlation id. */
  readonly transact: <T>(correlationId: string, work: (tx: Store, emit: Emitter) => Promise<T>) => Promise<T>;
}
