import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import type { Clock, PlatformError } from '@perennial/kernel';
import { afterFailure, givenUpAt } from './decide/after-failure.js';
import { type Trained, toldOf } from './decide/told.js';
import { type Db, type LeasedRun, type RunRow, Store } from './store.js';

interface Cause {
  readonly correlationId: string;
  readonly causationId: string;
}

export interface RunsOptions {
  readonly db: Db;
  readonly tenant: string;
  readonly clock: Clock;
  readonly leaseMs: number;
  transact<T>(work: (tx: Db, emitFor: (cause: Cause) => Emitter) => Promise<T>): Promise<T>;
}

/** The steps of a run, each one transaction with what it tells; none does anything under a lease that was lost. */
export class Runs {
  readonly #o: RunsOptions;

  constructor(options: RunsOptions) {
    this.#o = options;
  }

  /** Takes a due run and tells that it has started; one that was begun too often is ended instead. */
  lease(): Promise<LeasedRun | undefined> {
    const { clock, leaseMs } = this.#o;
    return this.#o.transact(async (tx, emitFor) => {
      const run = await this.#store(tx).lease(clock.now(), leaseMs);
      if (!run) return undefined;
      const emit = emitFor(causeOf(run));
      const reason = givenUpAt(run.attempt, run.reason);
      if (reason !== undefined) {
        await this.#fail(tx, emit, run, reason);
        return undefined;
      }
      await emit(events.trainingRunStarted, run.run_id, {
        runId: run.run_id,
        system: run.system,
        rolloutId: run.rollout_id,
        datasetId: run.dataset_id,
        trainer: run.spec.trainer,
        attempt: run.attempt,
      });
      return run;
    });
  }

  renew(run: RunRow): Promise<boolean> {
    return this.#store(this.#o.db).renew(run, this.#o.clock.now(), this.#o.leaseMs);
  }

  /** True where the run was ours to end. */
  complete(run: RunRow, trained: Trained): Promise<boolean> {
    return this.#o.transact(async (tx, emitFor) => {
      const ended = {
        status: 'completed' as const,
        reason: '',
        model_digest: trained.model.digest,
        manifest_digest: trained.manifestDigest,
        duration_seconds: trained.durationSeconds,
        peak_memory_bytes: trained.result.peakMemoryBytes,
      };
      if (!(await this.#store(tx).end(run, ended, this.#o.clock.now()))) return false;
      const emit = emitFor(causeOf(run));
      const { completed, evaluated } = toldOf(trained);
      await emit(events.trainingRunCompleted, run.run_id, completed);
      await emit(events.evaluationCompleted, evaluated.evaluationId, evaluated);
      return true;
    });
  }

  /** Puts the run back for a later attempt, or ends it. */
  async failed(run: RunRow, error: PlatformError): Promise<void> {
    const failures = run.failures + 1;
    const after = afterFailure(error, failures);
    await this.#o.transact(async (tx, emitFor) => {
      if (after.next === 'fail') await this.#fail(tx, emitFor(causeOf(run)), run, after.reason);
      else {
        const nextAt = this.#o.clock.now() + after.delayMs;
        await this.#store(tx).giveBack(run, failures, `${error.code}: ${error.message}`, nextAt);
      }
    });
  }

  /** Puts the run back as it was: its service stops, the run is not to blame. */
  async giveBack(run: RunRow): Promise<void> {
    await this.#store(this.#o.db).giveBack(run, run.failures, run.reason, this.#o.clock.now());
  }

  async #fail(tx: Db, emit: Emitter, run: RunRow, reason: string): Promise<void> {
    const isOurs = await this.#store(tx).end(run, { status: 'failed', reason }, this.#o.clock.now());
    if (!isOurs) return;
    const { run_id: runId, system, rollout_id: rolloutId } = run;
    await emit(events.trainingRunFailed, runId, { runId, system, rolloutId, reason });
  }

  #store(db: Db): Store {
    return new Store(db, this.#o.tenant);
  }
}

function causeOf(run: RunRow): Cause {
  return { correlationId: run.correlation_id, causationId: run.causation_id };
}
