import { invalid, PlatformError } from '@perennial/kernel';
import { checkModel } from '@perennial/onnx';
import type { Golden, LoadedShape } from './executor-messages.js';
import { runtimeLimits } from './limits.js';
import { measureCosts } from './measure-costs.js';
import { isRowwise } from './row-independence.js';
import type { Session } from './session.js';
import type { Tensor } from './tensor/tensor.js';
import type { Ran } from './types.js';

export interface HostOptions {
  /** Threads that one run may use. */
  readonly threads: number;
}

/** The sessions of one thread, by digest. Loading and running block the thread. */
export class ModelHost {
  readonly #options: HostOptions;
  readonly #sessions = new Map<string, Session>();

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** @throws PlatformError MODEL_* where the file is none we may run */
  async load(digest: string, bytes: Uint8Array, golden: Golden): Promise<LoadedShape> {
    const before = process.memoryUsage.rss();
    let session = this.#sessions.get(digest);
    if (!session) {
      checkModel(bytes);
      session = await this.#open(bytes);
      this.#sessions.set(digest, session);
    }
    const isIndependent = await isRowwise(session);
    const costs = await measureCosts(session, golden);
    const grown = process.memoryUsage.rss() - before;
    return {
      inputs: session.inputs,
      outputs: session.outputs,
      memoryBytes: Math.max(grown, bytes.byteLength, runtimeLimits.sessionBytesMin),
      isRowwise: isIndependent,
      device: session.device,
      costs,
    };
  }

  async run(digest: string, inputs: readonly Tensor[]): Promise<Ran> {
    const session = this.#sessions.get(digest);
    if (!session) throw new Error(`model ${digest} was asked to run before it was loaded`);
    const startedAt = performance.now();
    const outputs = await session.run(inputs);
    return { outputs, computeUs: (performance.now() - startedAt) * 1000 };
  }

  async unload(digest: string): Promise<void> {
    const session = this.#sessions.get(digest);
    this.#sessions.delete(digest);
    await session?.release();
  }

  async close(): Promise<void> {
    for (const digest of [...this.#sessions.keys()]) await this.unload(digest);
  }

  /** What passed our check may still be refused by the engine: an operator or type that it does not have. */
  async #open(bytes: Uint8Array): Promise<Session> {
    // The engine takes tens of MiB: it comes with the first model.
    const { openModel } = await import('./session.js');
    try {
      return await openModel(bytes, this.#options);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw invalid('MODEL_UNSUPPORTED', `ONNX Runtime refused the model: ${text.slice(0, 300)}`, { cause });
    }
  }
}
