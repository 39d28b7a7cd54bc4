import type { Perennial } from './client.js';

export interface SourceSummary {
  source: string;
  kind: string;
  rows: string;
  segments: number;
  last_event_time?: string;
  time_column: string;
  key: string[];
  /** IANA zone of times without an offset; empty: UTC. */
  zone: string;
  /** 0: no row is late. */
  watermark_ms: string;
  late_policy: string;
  /** Of the document; 0: systems alone describe the source. */
  version: number;
  systems: string[];
}

export interface SourceAnswer {
  summary?: SourceSummary;
  document_json: string;
  declared_by: string;
  declared_at?: string;
}

export interface SourceApplied {
  source: string;
  version: number;
  created: boolean;
  changes: { path: string; from_json: string; to_json: string }[];
}

export interface ProducerSummary {
  source: string;
  producer: string;
  rows: string;
  bytes: string;
  duplicates: string;
  refused: string;
  late: string;
  /** http, grpc, files, bus */
  ways: string[];
  has_bus_credential: boolean;
  last_event_time?: string;
  first_received_at?: string;
  last_received_at?: string;
}

/** What one producer sent on one way within one hour. */
export interface Delivery {
  source: string;
  kind: string;
  producer: string;
  way: string;
  hour: string;
  messages: string;
  rows: string;
  duplicates: string;
  refused: string;
  late: string;
  bytes: string;
}

/** Where rows come from: sources, who sends to them, and what was sent. */
export class Sources {
  readonly #platform: Perennial;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  /** Makes a document of kind Source so; with `dryRun` only says what would change. */
  apply(documentYaml: string, { dryRun = false }: { dryRun?: boolean } = {}): Promise<SourceApplied> {
    return this.#platform.call('POST', `/v1/sources${dryRun ? '?dry-run=true' : ''}`, {
      body: documentYaml,
      contentType: 'application/yaml',
      isRepeatable: true,
    });
  }

  async list(): Promise<SourceSummary[]> {
    return (await this.#platform.call<{ sources: SourceSummary[] }>('GET', '/v1/sources')).sources;
  }

  show(source: string): Promise<SourceAnswer> {
    return this.#platform.call('GET', `/v1/sources/${encodeURIComponent(source)}`);
  }

  async producers(source?: string): Promise<ProducerSummary[]> {
    const query = source === undefined ? '' : `?source=${encodeURIComponent(source)}`;
    const answer = await this.#platform.call<{ producers: ProducerSummary[] }>(
      'GET',
      `/v1/producers${query}`,
    );
    return answer.producers;
  }

  /** By the hour of arrival, newest first. */
  async deliveries(asked: { source?: string; producer?: string; since?: string; limit?: number } = {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(asked)) query.set(name, String(value));
    const answer = await this.#platform.call<{ deliveries: Delivery[] }>('GET', `/v1/deliveries?${query}`);
    return answer.deliveries;
  }
}
