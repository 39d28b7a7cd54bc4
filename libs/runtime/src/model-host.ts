import { invalid, PlatformError } from '@perennial/kernel';
import { checkModel } from '@perennial/onnx';
import { type DeviceOptions, isCpu } from './devices.js';
import type { Golden, LoadedShape } from './executor-messages.js';
import { type KernelFit, withKernel } from './kernels/mod.js';
import { runtimeLimits } from './limits.js';
import { measureCosts, warmUp } from './measure-costs.js';
import { isRowwise } from './row-independence.js';
import type { Session } from './session.js';
import type { Tensor } from './tensor/tensor.js';
import type { Ran } from './types.js';

export interface HostOptions extends Required<DeviceOptions> {
  /** Threads that one run may use. */
  readonly threads: number;
}

/** What trying a model tells of it. */
type Findings = Pick<LoadedShape, 'isRowwise' | 'costs'> & KernelFit;

/** Some hundred bytes each. */
const findingsMax = 10_000;

/** The sessions of one thread, by digest. Loading and running block the thread. */
export class ModelHost {
  readonly #options: HostOptions;
  readonly #findings = new Map<string, Findings>();
  readonly #sessions = new Map<string, Session>();

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** @throws PlatformError MODEL_* where the file is none we may run */
  async load(digest: string, bytes: Uint8Array, golden: Golden): Promise<LoadedShape> {
    const before = process.memoryUsage.rss();
    const session = this.#sessions.get(digest) ?? (await this.#open(bytes));
    // Before anything runs: what runs leave behind is garbage of ours, and not the model's.
    const grown = process.memoryUsage.rss() - before;
    const found = this.#sessions.has(digest) ? session : await this.#fit(digest, bytes, session, golden);
    this.#sessions.set(digest, found);
    return {
      inputs: found.inputs,
      outputs: found.outputs,
      device: found.device,
      memoryBytes: Math.max(grown, bytes.byteLength, runtimeLimits.sessionBytesMin),
      ...(await this.#measured(digest, found, golden)),
    };
  }

  /** With a kernel of our own before it, where that is found to be equal and cheaper. */
  #fit(digest: string, bytes: Uint8Array, session: Session, golden: Golden): Promise<Session> {
    if (!isCpu(session.device)) return Promise.resolve(session);
    return withKernel(bytes, session, golden, this.#findings.get(digest));
  }

  /** What was found once of a file holds for it whenever it is paged in again, on this machine. */
  async #measured(digest: string, session: Session, golden: Golden): Promise<Findings> {
    let findings = this.#findings.get(digest);
    if (findings) await warmUp(session, golden);
    else {
      findings = {
        kernelRowsMax: session.kernelRowsMax,
        quickRowsMax: session.quickRowsMax,
        isRowwise: await isRowwise(session, golden),
        costs: await measureCosts(session, golden),
      };
      if (this.#findings.size >= findingsMax) this.#findings.clear();
      this.#findings.set(digest, findings);
    }
    return findings;
  }

  async run(digest: string, inputs: readonly Tensor[]): Promise<Ran> {
    const session = this.#sessions.get(digest);
    if (!session) throw new Error(`model ${digest} was asked to run before it was loaded`);
    const startedAt = performance.now();
    const outputs = await session.run(inputs);
    return { outputs, computeUs: (performance.now() - startedAt) * 1000 };
  }

  runNow(digest: string, inputs: readonly Tensor[]): Ran | undefined {
    const startedAt = performance.now();
    const outputs = this.#sessions.get(digest)?.runNow?.(inputs);
    return outputs && { outputs, computeUs: (performance.now() - startedAt) * 1000 };
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
    checkModel(bytes);
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
