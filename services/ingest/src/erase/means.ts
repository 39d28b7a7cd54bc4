import type { Bus } from '@perennial/bus';
import type { RegistryService } from '@perennial/contracts';
import type { Client } from '@perennial/service';
import type { Tables } from '@perennial/tables';
import type { DatasetMeans } from '../datasets/versions.js';
import type { Operations } from '../garbage/ask-services.js';

/** What an erasure works with. `tables` is a connection of its own. */
export interface EraseMeans extends DatasetMeans {
  readonly tables: Tables;
  readonly workDir: string;
  readonly bus: Bus;
  readonly operations: () => Operations;
  readonly registry: () => Client<typeof RegistryService>;
}
