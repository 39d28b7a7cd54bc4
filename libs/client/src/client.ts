import type { Readable } from 'node:stream';
import type { ClientConfig } from './config.js';
import { Datasets } from './datasets.js';
import { Features } from './features.js';
import { Housekeeping } from './housekeeping.js';
import { httpsFetch } from './https-fetch.js';
import { Later } from './later.js';
import { Quarantine } from './quarantine.js';
import { RequestError, requestErrorOf } from './request-error.js';
import { retryMsDefault, tryAgain } from './retry.js';
import { Schemas } from './schemas.js';
import { Sources } from './sources.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Row = Record<string, Json>;

export interface CallOptions {
  json?: unknown;
  body?: Uint8Array | string | Readable;
  contentType?: string;
  headers?: Record<string, string>;
  timeoutMs?: number;
  /** The call may be made twice; reading ones always may. */
  isRepeatable?: boolean;
}

export interface PredictOptions {
  timeoutMs?: number;
  /** Says why: compared with the usual row of the training, or with the one that is given. */
  explain?: boolean | { reference: Row };
  /** False: without the features in effect. */
  features?: boolean;
  /** False: without the name of the class. */
  decode?: boolean;
}

/** A late truth: about a prediction by its id, or about a row by its event time and key. */
export type Label = {
  value?: number | string | boolean;
  /** Columns of the labels by name, in place of `value`. */
  values?: Row;
  /** Names this statement, so that one that was made before can be made again after another. */
  id?: string;
} & ({ prediction_id: string; ordinal?: number } | { system: string; event_time: string; key?: Row });

export interface PredictAnswer {
  predictions: {
    prediction_id: string;
    /** Number for regression, probability of the positive class for classification. */
    prediction: number;
    /** Where the deployment names its classes. */
    label?: string;
    probability?: number;
    model_version: number;
    features?: Row;
    provided?: string[];
    explanation?: {
      base: number;
      contributions: Record<string, number>;
      reference: Row;
      method: 'exact' | 'sampled';
      evaluations: number;
    };
  }[];
  /** Columns that nothing read, where there are some: mostly a misspelt name. */
  unused?: string[];
}

export interface PublishOptions {
  producer: string;
  format: 'json' | 'jsonl' | 'csv' | 'parquet' | 'arrow' | 'cloudevent' | 'cloudevents';
  /** How the body is packed. */
  encoding?: 'gzip' | 'zstd';
  /** How the rows are counted; http when left out. */
  way?: 'http' | 'files';
}

export interface PublishAnswer {
  taken: number;
  duplicates: number;
  refused: number;
  first_refusal: string;
  /** Rows behind the source's watermark, among those taken or refused. */
  late: number;
}

export interface WatermarkAnswer {
  source: string;
  /** Event time of the newest verified row and label that features are built from; empty where there is none. */
  rows: string;
  labels: string;
  /** Nothing is in hand anywhere: what the data so far leads to has happened. */
  settled: boolean;
}

/**
 * A client of one platform. Every method is one HTTP call to the gateway and throws RequestError with the gateway's
 * own words. Names in paths are escaped here, so that callers need not.
 */
export class Perennial {
  readonly #config: ClientConfig;
  readonly #retryMs: number;

  /** `retryMs`: for how long reading calls and predictions are tried again while nobody answers them. */
  constructor(config: ClientConfig, { retryMs = retryMsDefault }: { retryMs?: number } = {}) {
    this.#config = { ...config, url: config.url.replace(/\/$/, '') };
    this.#retryMs = retryMs;
  }

  /** Predictions that are fetched later: requests and batches. */
  get later(): Later {
    return new Later(this);
  }

  /** What rows are expected to be, and what they look like. */
  get schemas(): Schemas {
    return new Schemas(this);
  }

  /** Features of entities, training sets and leaks. */
  get features(): Features {
    return new Features(this);
  }

  /** Versions of verified rows. */
  get datasets(): Datasets {
    return new Datasets(this);
  }

  /** Rows that were held back, and what is odd about the others. */
  get quarantine(): Quarantine {
    return new Quarantine(this);
  }

  /** Where rows come from. */
  get sources(): Sources {
    return new Sources(this);
  }

  /** What deletes. */
  get housekeeping(): Housekeeping {
    return new Housekeeping(this);
  }

  get url(): string {
    return this.#config.url;
  }

  /** Any control route: `path` begins with /v1; answers the JSON body. What only reads is tried again. */
  async call<T = unknown>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    options: CallOptions = {},
  ): Promise<T> {
    const attempt = async () => {
      const response = await this.open(method, path, options);
      const text = await connected(this.#config.url, () => response.text());
      return (text === '' ? {} : JSON.parse(text)) as T;
    };
    if (method !== 'GET' && !options.isRepeatable) return attempt();
    // A service behind the gateway that restarts is a 503 for a moment.
    const isPassing = (thrown: unknown) =>
      thrown instanceof RequestError &&
      (thrown.code === 'CONNECTION' || (method === 'GET' && thrown.status === 503));
    return tryAgain(attempt, isPassing, this.#retryMs);
  }

  /** As `call`, but gives the open response, for streams, and never tries again. */
  async open(
    method: string,
    path: string,
    options: CallOptions & { signal?: AbortSignal } = {},
  ): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#config.token}` };
    const body = options.json === undefined ? options.body : JSON.stringify(options.json);
    if (options.json !== undefined) headers['content-type'] = 'application/json';
    if (options.contentType) headers['content-type'] = options.contentType;
    Object.assign(headers, options.headers);
    const signal = options.signal ?? (options.timeoutMs ? AbortSignal.timeout(options.timeoutMs) : undefined);
    const response = await connected(this.#config.url, () =>
      this.#fetch(this.#config.url + path, {
        method,
        headers,
        ...(body === undefined
          ? {}
          : { body: body as NonNullable<RequestInit['body']>, duplex: 'half' as const }),
        ...(signal ? { signal } : {}),
      }),
    );
    if (!response.ok) throw await requestErrorOf(response);
    return response;
  }

  #fetch(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const { trust } = this.#config;
    return trust && url.startsWith('https:') ? httpsFetch(url, init, trust) : fetch(url, init);
  }

  /** Makes a system.yaml so; with `dryRun` only says what would change. */
  applySystem(specYaml: string, options: { dryRun?: boolean } = {}): Promise<Record<string, unknown>> {
    const query = options.dryRun ? '?dry-run=true' : '';
    return this.call('POST', `/v1/systems${query}`, { body: specYaml, contentType: 'application/yaml' });
  }

  predict(
    system: string,
    rows: Row[],
    { timeoutMs, ...options }: PredictOptions = {},
  ): Promise<PredictAnswer> {
    return this.call('POST', `/v1/systems/${encodeURIComponent(system)}/predict`, {
      json: { rows, ...options },
      // A second answer takes nothing away from anybody.
      isRepeatable: true,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  }

  /** Tells late truths, 1,000 at most; the same ones again change nothing. */
  label(labels: Label[]): Promise<{ accepted: number }> {
    return this.call('POST', '/v1/labels', { json: { labels }, isRepeatable: true });
  }

  /** Streams a file or a batch in; the answer comes when every row is durable. The same content again changes nothing. */
  publish(
    source: string,
    kind: 'rows' | 'labels',
    body: Uint8Array | string | Readable,
    { encoding, ...how }: PublishOptions,
  ): Promise<PublishAnswer> {
    const query = new URLSearchParams({ ...how });
    return this.call('POST', `/v1/sources/${encodeURIComponent(source)}/${kind}?${query}`, {
      body,
      contentType: 'application/octet-stream',
      ...(encoding !== undefined && { headers: { 'content-encoding': encoding } }),
      // A stream can be read only once.
      isRepeatable: typeof body === 'string' || body instanceof Uint8Array,
    });
  }

  /** Where the data stands; waits up to `waitMs` until `rows` and `labels` are reached and everything is settled. */
  watermark(
    system: string,
    want: { rows?: string; labels?: string; waitMs?: number } = {},
  ): Promise<WatermarkAnswer> {
    const query = new URLSearchParams();
    if (want.waitMs !== undefined) query.set('wait', String(want.waitMs));
    if (want.rows) query.set('rows', want.rows);
    if (want.labels) query.set('labels', want.labels);
    return this.call('GET', `/v1/systems/${encodeURIComponent(system)}/watermark?${query}`);
  }

  /** Events as they happen, from server-sent events, until `signal` aborts. */
  async *events(options: { follow: boolean; signal?: AbortSignal }): AsyncGenerator<Record<string, unknown>> {
    const response = await this.open('GET', `/v1/events?follow=${options.follow}`, {
      ...(options.signal ? { signal: options.signal } : {}),
    });
    if (!response.body) return;
    let pending = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body) {
      pending += decoder.decode(chunk as Uint8Array, { stream: true });
      const messages = pending.split('\n\n');
      pending = messages.pop() ?? '';
      for (const message of messages) {
        const data = message.split('\n').filter((line) => line.startsWith('data: '));
        if (data.length)
          yield JSON.parse(data.map((line) => line.slice(6)).join('\n')) as Record<string, unknown>;
      }
    }
  }
}

/** What goes wrong below HTTP, in one form: TIMEOUT where our own time was over, CONNECTION otherwise. */
async function connected<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = thrown as Error;
    if (error.name === 'TimeoutError') {
      throw new RequestError(0, 'TIMEOUT', `${url} did not answer in the time that was allowed`);
    }
    if (error.name === 'AbortError') throw new RequestError(0, 'ABORTED', 'the call was ended by its caller');
    const cause = error.cause instanceof Error ? error.cause.message : String(thrown);
    throw new RequestError(0, 'CONNECTION', `${url} does not answer (${cause}); is the platform running?`);
  }
}
