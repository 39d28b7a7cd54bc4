import type { Log } from '@perennial/bus';
import { isTransient } from '@perennial/db';
import { asPlatformError, type PlatformError } from '@perennial/kernel';
import type { LeasedRun } from '../store.js';

/** How the worker reaches the rest; everything with a transaction stays with the caller. */
export interface WorkerPorts<Outcome> {
  /** Takes a due run, or nothing; what it gives is fenced by its epoch. */
  lease(): Promise<LeasedRun | undefined>;
  /** False where the lease has gone to another one. */
  renew(run: LeasedRun): Promise<boolean>;
  train(run: LeasedRun, signal: AbortSignal): Promise<Outcome>;
  /** Ends the run, unless the lease has gone to another one. */
  complete(run: LeasedRun, outcome: Outcome): Promise<void>;
  /** Tries again later or ends the run, unless the lease has gone to another one. */
  failed(run: LeasedRun, error: PlatformError): Promise<void>;
  /** Gives the run back as it was, for whoever comes next. */
  giveBack(run: LeasedRun): Promise<void>;
  readonly log: Log;
}

export interface WorkerSettings {
  readonly pollMs: number;
  readonly leaseMs: number;
}

/** Renewals in a lease: two may fail before another service takes the run. */
const renewalsPerLease = 3;
/** Tries to write how a run ended: PostgreSQL restarts within some seconds. */
const writesMax = 60;
const writeRetryMs = 500;

/** Works runs one after the other until stopped. `stop` kills the training in hand and gives its run back. */
export function startWorker<Outcome>(
  ports: WorkerPorts<Outcome>,
  settings: WorkerSettings,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const didWork = await workOne(ports, settings, stopping.signal);
      if (!didWork) await pause(settings.pollMs, stopping.signal);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** One run, from lease to end. False where none was due, or the database could not be asked. */
async function workOne<Outcome>(
  ports: WorkerPorts<Outcome>,
  settings: WorkerSettings,
  stopping: AbortSignal,
): Promise<boolean> {
  let run: LeasedRun | undefined;
  try {
    run = await ports.lease();
    if (!run) return false;
    await trainLeased(ports, settings, run, stopping);
    return true;
  } catch (thrown) {
    // The database is away or restarting. The lease runs out, and whoever comes next takes the run up again.
    const { code, message, internal } = asPlatformError(thrown);
    ports.log.warn('a run is left to its lease', { runId: run?.run_id, code, message, internal });
    return false;
  }
}

async function trainLeased<Outcome>(
  ports: WorkerPorts<Outcome>,
  settings: WorkerSettings,
  run: LeasedRun,
  stopping: AbortSignal,
): Promise<void> {
  const lost = new AbortController();
  const heartbeat = setInterval(() => {
    ports.renew(run).then(
      (isOurs) => {
        if (!isOurs) lost.abort();
      },
      (error: unknown) => ports.log.warn('a lease could not be renewed', { runId: run.run_id, error }),
    );
  }, settings.leaseMs / renewalsPerLease);
  try {
    const end = await ended(ports, run, AbortSignal.any([lost.signal, stopping]));
    if (lost.signal.aborted) ports.log.warn('another service took the run', { runId: run.run_id });
    else if (stopping.aborted && !end.hasOutcome) await ports.giveBack(run);
    else await written(end.write, ports.log);
  } finally {
    clearInterval(heartbeat);
  }
}

/** Trains, and says how what came of it is to be written. */
async function ended<Outcome>(
  ports: WorkerPorts<Outcome>,
  run: LeasedRun,
  signal: AbortSignal,
): Promise<{ hasOutcome: boolean; write: () => Promise<void> }> {
  try {
    const outcome = await ports.train(run, signal);
    return { hasOutcome: true, write: () => ports.complete(run, outcome) };
  } catch (thrown) {
    return { hasOutcome: false, write: () => ports.failed(run, asPlatformError(thrown)) };
  }
}

/** A training's outcome is worth some patience with a database that restarts; the lease goes on being renewed. */
async function written(write: () => Promise<void>, log: Log): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (tries >= writesMax || !isTransient(error)) throw error;
      log.warn('the end of a run could not be written yet', { error });
      await new Promise((resolve) => setTimeout(resolve, writeRetryMs));
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
