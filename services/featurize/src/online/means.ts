import type { ArtifactStore } from '@perennial/artifacts';
import type { Tables } from '@perennial/tables';
import type { FeatureValue } from '../decide/online-row.js';
import type { Systems } from '../systems.js';
import type { Db } from '../tables.js';
import type { Prepared } from '../window-store.js';

/** What answers are made with. */
export interface OnlineMeans {
  readonly tenant: string;
  readonly db: Db;
  readonly prepared: Prepared;
  readonly systems: Systems;
  readonly tables: Tables;
  readonly artifacts: ArtifactStore;
  /** Folder for files on their way. */
  readonly workFolder: string;
}

/** A value, and the event time of the newest data that went into it where it was asked for and any did. */
export interface Found {
  readonly value: FeatureValue;
  readonly eventUs: number | undefined;
}
