import type { Perennial } from './client.js';

/** Which rows: a source, and of it a version by number or by a time at which it was the newest. */
export interface DatasetAsked {
  kind?: 'rows' | 'labels';
  version?: number;
  asOf?: string;
}

export interface DatasetVersion {
  source: string;
  kind: string;
  version: number;
  manifest_digest: string;
  segments: number;
  files: number;
  rows: string;
  bytes: string;
  created_at: string;
  reason: string;
}

export interface DatasetSegment {
  segment_id: string;
  repair_id: string;
  digest: string;
  first_row: string;
  rows: number;
  event_time_min: string;
  event_time_max: string;
  recorded_at: string;
  producer: string;
  schema_version: number;
}

export interface DatasetDiff {
  from: DatasetVersion;
  to: DatasetVersion;
  added: DatasetSegment[];
  segments_added: number;
  rows_added: string;
  rows_erased: string;
}

/** A file of a watched folder or prefix; `name` is a path or s3://bucket/key, or a place that cannot be looked through. */
export interface WatchedFile {
  source: string;
  kind: string;
  name: string;
  /** taking, taken, refused or changed */
  status: string;
  taken: number;
  duplicates: number;
  refused: number;
  message: string;
  looked_at: string;
}

/** Versions of verified rows, and the files that rows come from by themselves. */
export class Datasets {
  readonly #platform: Perennial;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  async list(): Promise<DatasetVersion[]> {
    return (await this.#platform.call<{ datasets: DatasetVersion[] }>('GET', '/v1/datasets')).datasets;
  }

  async versions(
    source: string,
    { kind, before, limit }: { kind?: string; before?: number; limit?: number } = {},
  ): Promise<DatasetVersion[]> {
    const query = queryOf({ kind, before, limit });
    const path = `${pathOf(source)}/versions${query}`;
    return (await this.#platform.call<{ versions: DatasetVersion[] }>('GET', path)).versions;
  }

  /** The version, and at most the last thousand segments. */
  show(
    source: string,
    asked: DatasetAsked = {},
  ): Promise<{ version: DatasetVersion; segments: DatasetSegment[] }> {
    return this.#platform.call('GET', pathOf(source) + askedOf(asked));
  }

  /** What the later of two versions has and the earlier has not; `to` is the newest when left out. */
  diff(source: string, o: { kind?: string; from: number; to?: number }): Promise<DatasetDiff> {
    return this.#platform.call('GET', `${pathOf(source)}/diff${queryOf(o)}`);
  }

  /** The rows of a version as a file: the body of the answer, to be streamed. */
  rows(source: string, asked: DatasetAsked & { format?: 'parquet' | 'csv' } = {}): Promise<Response> {
    return this.#platform.open('GET', `${pathOf(source)}/rows${askedOf(asked)}`);
  }

  /** What came of the files of watched folders and prefixes, the last ones first. */
  async watchedFiles(asked: { source?: string; limit?: number } = {}): Promise<WatchedFile[]> {
    const path = `/v1/watched-files${queryOf({ ...asked })}`;
    return (await this.#platform.call<{ files: WatchedFile[] }>('GET', path)).files;
  }

  /** Makes few large files of many small ones; of all sources when none is named. */
  compact(source = ''): Promise<{ files_before: number; files_after: number; rows: string }> {
    return this.#platform.call('POST', '/v1/datasets/compact', { json: { source } });
  }
}

function pathOf(source: string): string {
  return `/v1/datasets/${encodeURIComponent(source)}`;
}

function askedOf({ asOf, ...asked }: DatasetAsked & { format?: string }): string {
  return queryOf({ ...asked, as_of: asOf });
}

function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? '' : `?${query}`;
}
