import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Digest, invalid, PlatformError } from '@perennial/kernel';
import { errorOf } from '../error-data.js';
import type { ErrorData } from '../executor-messages.js';
import { besideModule } from '../worker-url.js';
import type { Proofs } from './proofs.js';

/** A file that is not loaded and run by then is none we can serve. */
const proofMsMax = 60_000;
/** How long the child is kept for the next file; it takes tens of MiB. */
const idleMs = 10_000;
/** How often its memory is looked at: a file may ask for any amount. */
const watchMs = 50;
/** What the process takes with the engine and no model. */
const baseBytes = 300 * 2 ** 20;
/** Ends of a child under one file before the file is said to do it; somebody may have killed the first one. */
const crashesMax = 2;

export type ProofAnswer = { ok: true } | { ok: false; error: ErrorData };

export interface ProverOptions {
  /** Files that need no proof; a new one is added to them. */
  readonly proofs: Proofs;
  /** A model may take as much as this while it is tried. */
  readonly memoryBytesMax: number;
  /** Threads that one run may use. */
  readonly threads: number;
  /** For tests: what is run instead. */
  readonly child?: URL;
}

/**
 * Tries model files in a process of its own: what crashes the engine, never ends, or takes all memory does so there.
 * One file at a time; a file that was proven once on this machine is not tried again.
 */
export class Prover {
  readonly #o: ProverOptions;
  #child: ChildProcess | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ProverOptions) {
    this.#o = options;
  }

  /** @throws PlatformError MODEL_CRASHES, MODEL_LOAD_TIMEOUT, MODEL_MEMORY_EXHAUSTED, or why it is no model we may run */
  async prove(digest: Digest, bytes: Uint8Array): Promise<void> {
    if (await this.#o.proofs.has(digest)) return;
    const done = this.#last.then(() => this.#prove(digest, bytes));
    this.#last = done.catch(() => undefined);
    await done;
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }

  async #prove(digest: Digest, bytes: Uint8Array): Promise<void> {
    // Whoever was before in the queue may have had the same file.
    if (await this.#o.proofs.has(digest)) return;
    clearTimeout(this.#idle);
    try {
      for (let crashes = 1; ; crashes++) {
        const answer = await this.#ask(bytes);
        if (answer === 'ended' && crashes < crashesMax) continue;
        if (answer === 'ended') throw crashed();
        if (!answer.ok) throw errorOf(answer.error);
        await this.#o.proofs.add(digest);
        return;
      }
    } finally {
      this.#idle = setTimeout(() => this.close(), idleMs).unref();
    }
  }

  /** Undefined never: the answer, or that the child ended under the file. */
  #ask(bytes: Uint8Array): Promise<ProofAnswer | 'ended'> {
    const child = this.#started();
    return new Promise((resolve, reject) => {
      const stop = (error: PlatformError) => {
        this.close();
        settle(() => reject(error));
      };
      const timer = setTimeout(() => stop(slow()), proofMsMax);
      const watch = setInterval(() => {
        const limit = baseBytes + this.#o.memoryBytesMax;
        if (memoryOf(child.pid) > limit) stop(tooLarge(limit));
      }, watchMs);
      const onMessage = (answer: unknown) => settle(() => resolve(answer as ProofAnswer));
      const onExit = () => {
        if (this.#child === child) this.#child = undefined;
        settle(() => resolve('ended'));
      };
      const settle = (how: () => void) => {
        clearTimeout(timer);
        clearInterval(watch);
        child.off('message', onMessage).off('exit', onExit).off('error', onExit);
        how();
      };
      child.on('message', onMessage).on('exit', onExit).on('error', onExit);
      child.send({ bytes, threads: this.#o.threads }, (error) => {
        if (error) onExit();
      });
    });
  }

  #started(): ChildProcess {
    if (this.#child?.connected) return this.#child;
    this.#child = fork(this.#o.child ?? besideModule(import.meta.url, './prove-child.js'), {
      // What the parent was started with (a test runner's loaders, an inspector's port) is none of its business.
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    // It ends when we end, by its closed channel; it must not keep us.
    this.#child.unref();
    this.#child.channel?.unref();
    return this.#child;
  }
}

/** Resident bytes of a process; 0 where that cannot be told. */
function memoryOf(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}

function crashed(): PlatformError {
  return invalid(
    'MODEL_CRASHES',
    'model: it ended the process that tried it, twice; export it again, with another version of the exporter',
    { field: 'model' },
  );
}

function slow(): PlatformError {
  return invalid(
    'MODEL_LOAD_TIMEOUT',
    `model: it was not loaded and run with one row after ${proofMsMax / 1000} s; make it smaller`,
    { field: 'model' },
  );
}

function tooLarge(limit: number): PlatformError {
  return new PlatformError(
    'MODEL_MEMORY_EXHAUSTED',
    'caller',
    'never',
    `the model takes more than ${limit} bytes to load; make it smaller, or raise the memory budget of inference`,
  );
}
