import type { ArtifactStore } from '@perennial/artifacts';
import type { NoteSigner } from '@perennial/tlog';
import type { Listings } from '../listings.js';
import type { Store } from '../store.js';
import type { Db } from '../tables.js';

/** What the API stands on. */
export interface RpcContext {
  readonly tenant: string;
  readonly db: Db;
  readonly store: Store;
  readonly listings: Listings;
  readonly artifacts: ArtifactStore;
  readonly signer: NoteSigner;
  /** Empty where the key is in the database. */
  readonly keyFile: string;
}
