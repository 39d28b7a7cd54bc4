import { errorDataOf, errorOf } from './error-data.js';
import type { Executor } from './executor.js';
import type { Golden, LoadedShape } from './executor-messages.js';
import { type HostOptions, ModelHost } from './model-host.js';
import type { Tensor } from './tensor/tensor.js';
import type { Ran } from './types.js';

/** Runs models on the calling thread, which blocks meanwhile (so that no limit can be kept): for batches that cost less than a hop. */
export class InlineExecutor implements Executor {
  readonly #host: ModelHost;
  readonly loaded = new Set<string>();

  constructor(options: HostOptions) {
    this.#host = new ModelHost(options);
  }

  async load(digest: string, bytes: Uint8Array, golden: Golden): Promise<LoadedShape> {
    const shape = await this.#host.load(digest, bytes, golden);
    this.loaded.add(digest);
    return shape;
  }

  async run(digest: string, inputs: readonly Tensor[]): Promise<Ran> {
    try {
      return await this.#host.run(digest, inputs);
    } catch (thrown) {
      throw errorOf(errorDataOf(thrown));
    }
  }

  runNow(digest: string, inputs: readonly Tensor[]): Ran | undefined {
    return this.#host.runNow(digest, inputs);
  }

  async unload(digest: string): Promise<void> {
    this.loaded.delete(digest);
    await this.#host.unload(digest);
  }

  close(): Promise<void> {
    this.loaded.clear();
    return this.#host.close();
  }
}
