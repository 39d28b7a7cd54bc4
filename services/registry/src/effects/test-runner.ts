import type { TestModelRequest, TestModelResponse } from '@perennial/contracts';
import { asPlatformError, type PlatformError } from '@perennial/kernel';
import type { TestAnswer } from '../decide/facts.js';
import type { ModelTest } from '../test-leases.js';

/** How the runner reaches the rest; everything with a transaction stays with the caller. */
export interface TestRunnerPorts {
  /** Takes a due test, or nothing; what it gives back is fenced by its epoch. */
  lease(): Promise<ModelTest | undefined>;
  /** Asks inference, within the deadline. */
  ask(
    request: Pick<TestModelRequest, 'model' | 'version' | 'digest' | 'manifestDigest'>,
  ): Promise<TestModelResponse>;
  /** Keeps the lease for as long again; a runner that was killed no longer does. */
  renew(test: ModelTest): Promise<void>;
  /** Decides with the answer, unless the lease went to another one. */
  conclude(test: ModelTest, answer: TestAnswer): Promise<void>;
  /** Gives the test back for a later try. */
  postpone(test: ModelTest, delayMs: number): Promise<void>;
  warn(error: PlatformError, test: ModelTest | undefined): void;
}

export interface TestRunnerSettings {
  readonly pollMs: number;
  readonly retryMsMax: number;
}

/** How long a test waits for its runner after that was killed; also how long an answer may take to be written down. */
export const testLeaseMs = 10_000;
/** The first wait after inference could not be asked; doubled by each further try. */
const retryMsMin = 250;
/** Tries of a test that fails for no reason that we can name; an absent inference is waited for without end. */
const unnamedFailuresMax = 8;

/** Tests candidates one after the other until stopped. `stop` returns when the test in hand has ended. */
export function startTestRunner(
  ports: TestRunnerPorts,
  settings: TestRunnerSettings,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const didWork = await testOne(ports, settings.retryMsMax);
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

/** One test, from lease to conclusion. False where none was due, or the database could not be asked. */
export async function testOne(ports: TestRunnerPorts, retryMsMax: number): Promise<boolean> {
  let test: ModelTest | undefined;
  try {
    test = await ports.lease();
    if (!test) return false;
    const answer = await whileRenewed(ports, test, answerTo(ports, test));
    if (answer) await ports.conclude(test, answer);
    else await ports.postpone(test, Math.min(retryMsMax, retryMsMin * 2 ** Math.min(test.attempt, 16)));
    return true;
  } catch (thrown) {
    // The database is away or restarting. The lease runs out, and whoever comes next takes the test up again.
    ports.warn(asPlatformError(thrown), test);
    return false;
  }
}

/** A short lease, renewed while inference is asked, so that a killed runner's test is taken up again at once. */
async function whileRenewed<T>(ports: TestRunnerPorts, test: ModelTest, work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    ports.renew(test).catch((thrown: unknown) => ports.warn(asPlatformError(thrown), test));
  }, testLeaseMs / 4);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** What inference said, or undefined where it must be asked again. */
async function answerTo(ports: TestRunnerPorts, test: ModelTest): Promise<TestAnswer | undefined> {
  try {
    return await ports.ask({
      model: test.system,
      version: test.version,
      digest: test.digest,
      manifestDigest: test.manifest_digest,
    });
  } catch (thrown) {
    const error = asPlatformError(thrown);
    ports.warn(error, test);
    const isAway = error.fault === 'dependency' && error.retry !== 'never';
    const isWorthAnother = isAway || (error.retry !== 'never' && test.attempt < unnamedFailuresMax);
    return isWorthAnother ? undefined : refusal(error);
  }
}

function refusal({ code, message }: PlatformError): TestAnswer {
  return {
    passed: false,
    reason: `inference refused it: ${code}: ${message}`,
    goldenRequests: 0,
    latencyP99Ms: 0,
    memoryBytes: 0,
  };
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
