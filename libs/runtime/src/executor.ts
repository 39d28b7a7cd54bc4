import type { Golden, LoadedShape } from './executor-messages.js';
import type { Tensor } from './tensor/tensor.js';
import type { Ran } from './types.js';

/** Something that models run on, one batch at a time. */
export interface Executor {
  /** Digests that it has loaded. */
  readonly loaded: ReadonlySet<string>;
  /** @throws PlatformError MODEL_* where the file is none we may run */
  load(digest: string, bytes: Uint8Array, golden: Golden): Promise<LoadedShape>;
  /**
   * A run that is not over after `limitMs` is stuck: it is given up together with the executor.
   *
   * @throws PlatformError MODEL_RUN_FAILED, EXECUTOR_CRASHED, EXECUTOR_STUCK, EXECUTOR_CLOSED
   */
  run(digest: string, inputs: readonly Tensor[], limitMs: number): Promise<Ran>;
  /** The same at once, on the calling thread; undefined where it cannot be. @throws PlatformError MODEL_RUN_FAILED */
  runNow?(digest: string, inputs: readonly Tensor[]): Ran | undefined;
  unload(digest: string): Promise<void>;
  /** Ends it when it has run what it has in hand. */
  close(): Promise<void>;
}
