import type { DescService } from '@bufbuild/protobuf';
import type { Meter } from '@opentelemetry/api';
import type { Bus, Emitter, Handler, Log } from '@perennial/bus';
import type { Database, Tx } from '@perennial/db';
import type { Clock } from '@perennial/kernel';
import type { z } from 'zod';
import type { Settings } from './config.js';
import type { Client, Codecs, RpcService } from './grpc/types.js';

export interface Cause {
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
}

/** What a service stands on: everything that is the same for all of them. */
export interface Frame<S extends Record<string, z.ZodType>> {
  readonly name: string;
  readonly tenant: string;
  readonly settings: Settings<S>;
  readonly clock: Clock;
  readonly log: Log;
  /** For counts and durations of the service's own; read at /metrics. */
  readonly meter: Meter;
  /** Aborted when the service begins to stop. */
  readonly stopping: AbortSignal;
  /** Where every service listens: name to host:port. */
  readonly peers: ReadonlyMap<string, string>;
  /** Throws where the service was started without a bus. */
  readonly bus: Bus;
  /** Throws where the service has no migrations, and so no database. */
  readonly database: Database;
  /** One transaction for an RPC or a worker; what it emits is told when that commits. */
  transact<T>(work: (tx: Tx, emitFor: (cause?: Cause) => Emitter) => Promise<T>): Promise<T>;
  /**
   * Another service, by its name in PERENNIAL_PEERS. Connects when it is first used; made once.
   *
   * @throws PlatformError PEER_UNKNOWN
   */
  client<D extends DescService>(service: D, peer: string): Client<D>;
  /**
   * A service at an address that was learnt while running; whoever asks closes it. `peer` names it in errors. Connects
   * when it is first used.
   */
  dial<D extends DescService>(
    service: D,
    address: string,
    peer: string,
    codecs?: Codecs,
  ): Client<D> & { close(): void };
  /** Where this service listens, as host:port; there from `start` on. */
  readonly grpcAddress: string;
}

export interface Progress {
  readonly work?: readonly { kind: string; count: number }[] | undefined;
  readonly watermarks?: readonly { source: string; eventTime: Date; rows: number }[] | undefined;
}

/** Whose rows are to go; see `OperationsService.EraseFromTables`. */
export interface ErasureRequest {
  readonly source: string;
  readonly column: string;
  readonly value: string;
  readonly rowIds: readonly string[];
  readonly isDryRun: boolean;
}

/** Where rows of a key were, and what became of them. */
export interface ErasedRows {
  readonly what: string;
  readonly name: string;
  readonly rows: number;
  readonly action: string;
}

/** What a service is made of. */
export interface Parts {
  readonly handlers?: readonly Handler[];
  readonly services?: readonly RpcService[];
  /** Work that is neither on the bus nor in the outbox, and data time applied. */
  readonly progress?: () => Promise<Progress> | Progress;
  /** False keeps /readyz at 503; asked often, so it only looks. */
  readonly ready?: () => boolean;
  /** After everything serves. */
  readonly start?: () => Promise<void> | void;
  /** When the service stops: calls and handlers in hand have ended, bus and database are still open. */
  readonly stop?: () => Promise<void> | void;
  /** Blobs for events whose body is too large; see libs/bus. */
  readonly putArtifact?: (bytes: Uint8Array) => Promise<{ digest: string }>;
  readonly getArtifact?: (digest: string) => Promise<Uint8Array>;
  /**
   * Every digest anywhere in the service's tables is taken as needed. Here is what is not: columns, as `table.column`,
   * that only mention artifacts, and those that need the artifact alone and not what it names in its turn.
   */
  readonly artifactColumns?: { readonly mentioned?: readonly string[]; readonly alone?: readonly string[] };
  /** What of the mentioned ones is needed after all, for columns where it depends on the row. */
  readonly neededArtifacts?: () => Promise<{
    readonly digests?: readonly string[];
    readonly alone?: readonly string[];
  }>;
  /**
   * Rows of an erased key go from every table that names rows by `row_id` or `row_key`, or holds their cells as JSON in
   * `cells`, `features`, `inputs` or `row`, but from these: what they say of a row is no content of it, and must outlive it.
   */
  readonly keptByErasure?: readonly string[];
  /** Takes rows of a key out of tables that say in a form of their own whose rows they hold. */
  readonly erase?: (request: ErasureRequest) => Promise<readonly ErasedRows[]>;
}

export interface ServiceOptions<S extends Record<string, z.ZodType>> {
  readonly name: string;
  /** `fooBar` is read from PERENNIAL_FOO_BAR. */
  readonly settings: S;
  /** The folder of the service's SQL files. Present: it has a database, an outbox and handlers. */
  readonly migrations?: URL;
  readonly bus?: boolean;
  readonly build: (frame: Frame<S>) => Promise<Parts> | Parts;
}
