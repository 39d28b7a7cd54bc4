import type { Emitter } from '@perennial/bus';
import type { Decider } from '../apply-fact.js';
import type { Manifests } from '../effects/manifests.js';
import type { Db } from '../store.js';

/** What the API stands on. */
export interface RpcContext {
  readonly decider: Decider;
  readonly manifests: Manifests;
  readonly db: Db;
  /** Runs `work` in one transaction; what it emits is told when that commits. */
  readonly transact: <T>(work: (tx: Db, emit: Emitter) => Promise<T>) => Promise<T>;
}
