import { type Digest, invalid, isDigest } from '@perennial/kernel';
import type { Runtime, Tensor } from '@perennial/runtime';
import { batchCostUs } from '../fleet/decide/placement.js';
import type { HeldModels } from '../fleet/statistics.js';
import type { InferOptions, Inferred, ModelAsked } from '../inference.js';
import { heldAtEdge } from './figures.js';

/** The name of the edge among the places that run models. */
export const edgeName = 'edge';

export interface EdgeOptions {
  /** The runtime inside this process; made when a first model comes. */
  readonly open: () => Promise<Runtime>;
  /** How long what was replaced may still be in use, in ms. */
  readonly drainMsMax: number;
}

/** What is loaded here must have been loaded by a replica before, which had it tried in a process of less importance. */
export interface EdgeModel {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly signature: string;
  readonly queueRowsMax: number;
  readonly preferredBatch: readonly number[];
}

/** Between two looks whether a model that is on its way out has nothing in hand any more. */
const drainLookMs = 200;
/** Rows that the cost of a batch is told for. */
const batchRows = 32;

/** Models that run inside the gateway, on the thread that asks: no hop, for those whose batch costs less than one. */
export class Edge {
  readonly #o: EdgeOptions;
  /** Answering here, by digest. */
  readonly #serving = new Map<string, EdgeModel>();
  #opening: Promise<Runtime> | undefined;
  #runtime: Runtime | undefined;
  #isClosed = false;

  constructor(options: EdgeOptions) {
    this.#o = options;
  }

  serves(digest: string): boolean {
    return this.#serving.has(digest);
  }

  /** Loads the model here and answers for it from then on. @throws PlatformError of the runtime and the store */
  async take(model: EdgeModel): Promise<void> {
    const digest = digestOf(model);
    const runtime = await this.#open();
    const { name, version, signature, queueRowsMax, preferredBatch } = model;
    // What others use here is not paged out for it: there is a pool for those that find no room.
    await runtime.load(digest, {
      name,
      version,
      signature,
      queueRowsMax,
      preferredBatch,
      pinned: true,
      onlyIfRoom: true,
    });
    this.#serving.set(digest, model);
    runtime.pin(this.#serving.keys());
  }

  /** Takes no new request for it, and gives its memory back when those in hand are answered. */
  leave(digest: string): void {
    if (!this.#serving.delete(digest)) return;
    this.#runtime?.pin(this.#serving.keys());
    void this.#drain(digest as Digest);
  }

  /** @throws PlatformError as Runtime.infer */
  async infer(
    { name, route, serve }: ModelAsked,
    inputs: readonly Tensor[],
    o: InferOptions,
  ): Promise<Inferred> {
    const runtime = this.#runtime;
    if (!runtime) throw new Error('nothing is loaded here');
    const answer = await runtime.infer(route.digest as Digest, name, inputs, {
      deadlineAt: o.deadlineAt,
      priority: o.priority,
      share: o.share,
      signal: o.signal,
      alone: serve?.rowByRow,
    });
    return { ...answer, replica: edgeName };
  }

  /** infer() without a promise, where a kernel answers at once; undefined where infer() must be asked. */
  inferNow({ route, serve }: ModelAsked, inputs: readonly Tensor[], o: InferOptions): Inferred | undefined {
    // Row by row means that answers of several rows are those of single ones, which the batcher sees to.
    if (serve?.rowByRow) return undefined;
    const answer = this.#runtime?.inferNow(route.digest as Digest, inputs, o);
    if (!answer) return undefined;
    // Named one by one: a spread costs as much as a small model.
    const { outputs, queueUs, computeUs, batchId, batchRows } = answer;
    return { outputs, replica: edgeName, queueUs, computeUs, batchId, batchRows };
  }

  /** What a batch of 32 rows costs here by what was seen lately, in microseconds; undefined where it does not run here. */
  batchUs(digest: string): number | undefined {
    if (!this.#serving.has(digest)) return undefined;
    const model = this.#runtime?.models().find((one) => one.digest === digest);
    if (!model) return undefined;
    const { runUs, rowUs } = model.learned;
    return model.batches > 0 ? runUs + batchRows * rowUs : batchCostUs(model.costs, batchRows);
  }

  /** Of each model that is loaded here, what it did and costs. */
  held(): HeldModels {
    const models = this.#runtime?.models() ?? [];
    return {
      replica: edgeName,
      models: models.map((figures) => heldAtEdge(figures, this.#serving.get(figures.digest))),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#serving.clear();
    await this.#runtime?.close();
  }

  async #open(): Promise<Runtime> {
    this.#opening ??= this.#o.open();
    try {
      this.#runtime = await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    if (this.#isClosed) await this.#runtime.close();
    return this.#runtime;
  }

  async #drain(digest: Digest): Promise<void> {
    const until = performance.now() + this.#o.drainMsMax;
    while (performance.now() < until && !this.#isClosed && !this.#serving.has(digest)) {
      if (await this.#runtime?.unload(digest)) return;
      if (!this.#runtime?.models().some((model) => model.digest === digest)) return;
      await new Promise((resolve) => setTimeout(resolve, drainLookMs));
    }
  }
}

function digestOf({ digest }: EdgeModel): Digest {
  if (isDigest(digest)) return digest;
  throw invalid('MODEL_DIGEST_INVALID', `digest: "${digest}" is no digest; write sha256: and 64 hex digits`, {
    field: 'digest',
  });
}
