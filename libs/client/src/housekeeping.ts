import type { Perennial } from './client.js';

export interface GarbageAnswer {
  dry_run: boolean;
  artifacts: number;
  artifact_bytes: string;
  needed: number;
  needed_bytes: string;
  young: number;
  young_bytes: string;
  garbage: number;
  garbage_bytes: string;
  largest: { digest: string; bytes: string; modified_at: string }[];
  asked: string[];
  grace_seconds: number;
}

export interface CollectOptions {
  dryRun?: boolean;
  /** What is younger is kept; left out: as ingest is set. With 0 what is just being published may go too. */
  graceSeconds?: number;
}

export interface ErasureAnswer {
  erasure_id: string;
  dry_run: boolean;
  rows: string;
  places: { service: string; what: string; name: string; rows: string; action: string }[];
  models: { model: string; version: number; manifest_digest: string }[];
  bytes_deleted: string;
}

export interface Erasure {
  erasure_id: string;
  column: string;
  key_digest: string;
  source: string;
  requested_by: string;
  status: string;
  rows: string;
  requested_at: string;
  done_at?: string;
}

/** What deletes: garbage, and what belongs to one key. */
export class Housekeeping {
  readonly #platform: Perennial;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  /** Deletes artifacts that nothing needs; in a dry run it only counts them. */
  collectGarbage({ dryRun = false, graceSeconds }: CollectOptions = {}): Promise<GarbageAnswer> {
    return this.#platform.call('POST', '/v1/garbage/collect', {
      json: { dry_run: dryRun, ...(graceSeconds !== undefined && { grace_seconds: graceSeconds }) },
      isRepeatable: true,
    });
  }

  /** Takes rows with this value in this column out of everything that is kept. */
  erase(o: {
    column: string;
    value: string;
    source?: string;
    dryRun?: boolean;
    requestedBy?: string;
  }): Promise<ErasureAnswer> {
    const { column, value, source = '', dryRun = false, requestedBy } = o;
    const json = {
      column,
      value,
      source,
      dry_run: dryRun,
      ...(requestedBy && { requested_by: requestedBy }),
    };
    return this.#platform.call('POST', '/v1/erasures', { json });
  }

  async erasures(): Promise<Erasure[]> {
    return (await this.#platform.call<{ erasures: Erasure[] }>('GET', '/v1/erasures')).erasures;
  }
}
