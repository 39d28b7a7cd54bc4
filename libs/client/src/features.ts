import type { Perennial } from './client.js';

/** What is asked of a view, which is a system by its name. */
export interface FeaturesAsked {
  /** The columns of the source's key, and further ones that features read; what is sent wins over the newest row. */
  entities: Record<string, unknown>[];
  /** As of when, ISO 8601; just after the newest data when left out. */
  asOf?: string;
  /** Which features; all when left out. */
  features?: string[];
  /** Values older than this are not given. */
  ttlMs?: number;
}

export interface FeatureFreshness {
  feature: string;
  status: 'FEATURE_STATUS_PRESENT' | 'FEATURE_STATUS_MISSING' | 'FEATURE_STATUS_EXPIRED';
  /** Event time of the newest data that went into it. */
  event_time?: string;
  age_ms: string;
}

export interface FeaturesAnswer {
  view_version: number;
  as_of: string;
  features: string[];
  entities: {
    key: Record<string, unknown>;
    features: Record<string, number | string | number[] | null>;
    freshness: FeatureFreshness[];
  }[];
  newest?: string;
}

export interface SuspectedLeak {
  kind: string;
  features: string[];
  relation: string;
  evidence: string;
  strength: number;
  rows: string;
  rows_holding: string;
}

export interface LeakReport {
  dataset_id: string;
  system_version: number;
  answer: 'warned' | 'refused';
  leaks: SuspectedLeak[];
  checked_at: string;
  rows: string;
}

export interface TrainingSet {
  dataset_id: string;
  system: string;
  system_version: number;
  rollout_id: string;
  status: 'wanted' | 'made' | 'refused';
  reason: string;
  training_digest: string;
  training_rows: number;
  holdout_digest: string;
  holdout_rows: number;
  manifest_digest: string;
  requested_at: string;
  leaks: number;
}

export interface Reproduction {
  is_same: boolean;
  reason: string;
  training_digest: string;
  holdout_digest: string;
  manifest_digest: string;
}

/** Features of entities, training sets, and what seems to give a label away. */
export class Features {
  readonly #platform: Perennial;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  /** The features of entities by their keys, each with the event time of what it was made of. */
  get(view: string, { entities, asOf, features, ttlMs }: FeaturesAsked): Promise<FeaturesAnswer> {
    return this.#platform.call('POST', `/v1/features/${encodeURIComponent(view)}:get`, {
      json: {
        entities,
        ...(asOf !== undefined && { as_of: asOf }),
        ...(features !== undefined && { features }),
        ...(ttlMs !== undefined && { ttl_ms: ttlMs }),
      },
    });
  }

  /** Newest first; of all systems when none is named. */
  async trainingSets({ system, all }: { system?: string; all?: boolean } = {}): Promise<TrainingSet[]> {
    const query = new URLSearchParams({ ...(system && { system }), ...(all && { all: 'true' }) });
    const path = `/v1/training-sets${query.size === 0 ? '' : `?${query}`}`;
    return (await this.#platform.call<{ datasets: TrainingSet[] }>('GET', path)).datasets;
  }

  /** With its manifest, which is empty where the set was refused. */
  trainingSet(id: string): Promise<{ dataset: TrainingSet; manifest_json: string; leaks: SuspectedLeak[] }> {
    return this.#platform.call('GET', pathOf(id));
  }

  /** Its rows as Parquet: the body of the answer, to be streamed. */
  trainingRows(id: string, part: 'training' | 'holdout' | 'all' = 'all'): Promise<Response> {
    return this.#platform.open('GET', `${pathOf(id)}/rows?part=${part}`);
  }

  /** Makes it again out of its manifest and compares the bytes. */
  reproduce(id: string): Promise<Reproduction> {
    return this.#platform.call('POST', `${pathOf(id)}/reproduce`);
  }

  /** What was found when training sets of a system were made. */
  async leaks(system: string): Promise<LeakReport[]> {
    const path = `/v1/systems/${encodeURIComponent(system)}/leaks`;
    return (await this.#platform.call<{ reports: LeakReport[] }>('GET', path)).reports;
  }

  /** Looks in all labelled rows that there are now. */
  checkLeaks(system: string): Promise<{ system_version: number; rows: string; leaks: SuspectedLeak[] }> {
    return this.#platform.call('POST', `/v1/systems/${encodeURIComponent(system)}/leaks/check`);
  }
}

function pathOf(id: string): string {
  return `/v1/training-sets/${encodeURIComponent(id)}`;
}
