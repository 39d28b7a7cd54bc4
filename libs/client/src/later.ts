import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { Perennial, PredictAnswer, PredictOptions, Row } from './client.js';

/** A request or a batch that is answered later, as the gateway shows it. */
export interface Submission {
  id: string;
  kind: 'request' | 'batch';
  system: string;
  state: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
  rows: { total: number; done: number; failed: number };
  result?: PredictAnswer;
  error?: { code: string; detail: string; field?: string };
  callback?: { url: string; state: string; secret?: string; error?: string };
}

export interface SubmitOptions extends Omit<PredictOptions, 'timeoutMs'> {
  callback?: { url: string; secret?: string };
  /** Calls with the same key are one request; with a key the call is tried again where it gets no answer. */
  idempotencyKey?: string;
}

export interface BatchOptions {
  format: 'csv' | 'jsonl';
  /** Rows that may fail before the batch does. */
  errorsMax?: number;
  callbackUrl?: string;
  idempotencyKey?: string;
}

const pollMsMin = 100;
const pollMsMax = 2_000;

/** Predictions that are asked for now and fetched later. */
export class Later {
  readonly #platform: Perennial;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  request(system: string, rows: Row[], options: SubmitOptions = {}): Promise<Submission> {
    const { idempotencyKey, ...body } = options;
    return this.#platform.call('POST', `/v1/systems/${encodeURIComponent(system)}/requests`, {
      json: { rows, ...body },
      ...(idempotencyKey && { headers: { 'idempotency-key': idempotencyKey }, isRepeatable: true }),
    });
  }

  /** Streams a file of rows in; answers when it is durable and will be worked off. */
  batch(system: string, file: Readable | string | Uint8Array, options: BatchOptions): Promise<Submission> {
    const { format, errorsMax, callbackUrl, idempotencyKey } = options;
    const query = new URLSearchParams({ format });
    if (errorsMax !== undefined) query.set('errors-max', String(errorsMax));
    if (callbackUrl !== undefined) query.set('callback', callbackUrl);
    return this.#platform.call('POST', `/v1/systems/${encodeURIComponent(system)}/batches?${query}`, {
      body: file,
      contentType: 'application/octet-stream',
      ...(idempotencyKey && { headers: { 'idempotency-key': idempotencyKey } }),
    });
  }

  look({ kind, id }: Pick<Submission, 'kind' | 'id'>): Promise<Submission> {
    return this.#platform.call('GET', pathOf(kind, id));
  }

  cancel({ kind, id }: Pick<Submission, 'kind' | 'id'>): Promise<Submission> {
    return this.#platform.call('DELETE', pathOf(kind, id), { isRepeatable: true });
  }

  /** Looks until it has ended, in growing pauses; `onProgress` is told of every look. */
  async untilEnded(
    submission: Pick<Submission, 'kind' | 'id'>,
    onProgress: (now: Submission) => void = () => {},
  ): Promise<Submission> {
    for (let delayMs = pollMsMin; ; delayMs = Math.min(delayMs * 1.5, pollMsMax)) {
      const now = await this.look(submission);
      onProgress(now);
      if (now.state !== 'queued' && now.state !== 'running') return now;
      await setTimeout(delayMs);
    }
  }

  /** The file that a completed batch gives back, as it comes. */
  async result(batchId: string): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#platform.open('GET', `${pathOf('batch', batchId)}/result`);
    return body ?? new ReadableStream({ start: (controller) => controller.close() });
  }
}

function pathOf(kind: Submission['kind'], id: string): string {
  return `/v1/${kind === 'batch' ? 'batches' : 'requests'}/${encodeURIComponent(id)}`;
}
