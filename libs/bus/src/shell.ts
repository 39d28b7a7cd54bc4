import type { Database, Tx } from '@perennial/db';
import type { Clock } from '@perennial/kernel';
import type { Bus } from './bus.js';
import { type Cause, type Emitter, emitterFor, type PutArtifact } from './emitter.js';
import type { Log } from './log.js';
import type { GetArtifact } from './raw-message.js';

/** What every handler of a service stands in. */
export interface Shell {
  readonly bus: Bus;
  readonly database: Database;
  readonly service: string;
  readonly tenant: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly putArtifact?: PutArtifact | undefined;
  readonly getArtifact?: GetArtifact | undefined;
  /** Something may lie in the outbox. */
  readonly wake: () => void;
}

export function emitterOf(shell: Shell, tx: Tx, cause: Cause = {}): Emitter {
  const { tenant, service, clock, putArtifact } = shell;
  return emitterFor(tx, { tenant, service, clock, putArtifact, ...cause });
}

/** PostgreSQL comes back within seconds; looking often costs it nothing. */
export const outageRetryMs = 250;

/** A handler that is being fed. */
export interface Running {
  /** True once it has read from the bus, and while it can. */
  isReading(): boolean;
  /** Resolves when what was in hand has ended. */
  readonly ended: Promise<void>;
}
