import type { ArtifactStore } from '@perennial/artifacts';
import type { Clock } from '@perennial/kernel';
import type { TruthFiles } from './effects/truth-files.js';
import { Facts } from './store/facts.js';
import { Rows } from './store/rows.js';
import { Trials } from './store/trials.js';
import { Watches } from './store/watches.js';
import type { Db } from './tables.js';

/** What every shell of this service stands on. */
export interface Context {
  readonly tenant: string;
  readonly clock: Clock;
  readonly artifacts: ArtifactStore;
  readonly truth: TruthFiles;
}

export interface Stores {
  readonly facts: Facts;
  readonly rows: Rows;
  readonly watches: Watches;
  readonly trials: Trials;
}

/** The stores on a connection or inside a transaction. */
export function storesOf({ tenant }: Context, db: unknown): Stores {
  const typed = db as Db;
  return {
    facts: new Facts(typed, tenant),
    rows: new Rows(typed, tenant),
    watches: new Watches(typed, tenant),
    trials: new Trials(typed, tenant),
  };
}
