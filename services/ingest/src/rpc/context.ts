import type { Emitter } from '@perennial/bus';
import type { Clock } from '@perennial/kernel';
import type { Means } from '../effects/write-segment.js';
import type { Admission } from '../publish/admission.js';
import type { Store } from '../store.js';

/** What the API stands on. */
export interface RpcContext {
  readonly tenant: string;
  readonly clock: Clock;
  readonly db: Store;
  /** Columnar work of files, in a lane of its own so that rows of the bus do not wait for it. */
  readonly means: Means;
  readonly fileBytesMax: number;
  /** Lets bodies in. */
  readonly bodies: Admission;
  /** Lets bodies that are here be turned into segments, which takes memory. */
  readonly cuts: Admission;
  /** Messages that waited for a source are looked for. */
  readonly lookForWaiting: () => void;
  readonly producerCredentials: ProducerSettings | undefined;
  /** Runs `work` in one transaction; what it emits is told when that commits. */
  readonly transact: <T>(work: (tx: Store, emit: Emitter) => Promise<T>) => Promise<T>;
}

/** What credentials of producers are made with. */
export interface ProducerSettings {
  readonly natsUrl: string;
  readonly signingSeedFile: string;
  readonly account: string | undefined;
}
