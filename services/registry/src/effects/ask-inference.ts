import type { Emitter } from '@perennial/bus';
import type { TestModelResponse } from '@perennial/contracts';
import { applyFact, type Decider, storeOf } from '../apply-fact.js';
import { Listings } from '../listings.js';
import type { Cause, Db } from '../store.js';
import { TestLeases } from '../test-leases.js';
import { type TestRunnerPorts, testLeaseMs } from './test-runner.js';

export interface InferenceTests {
  readonly decider: Decider;
  readonly db: Db;
  readonly testTimeoutMs: number;
  readonly transact: <T>(work: (tx: Db, emitFor: (cause: Cause) => Emitter) => Promise<T>) => Promise<T>;
  readonly testModel: (
    request: Parameters<TestRunnerPorts['ask']>[0] & { readonly signature: string },
    timeoutMs: number,
  ) => Promise<TestModelResponse>;
  readonly warn: TestRunnerPorts['warn'];
}

/** Joins the runner to the database and to inference. The call itself is made outside any transaction. */
export function inferenceTests({
  decider,
  db,
  testTimeoutMs,
  transact,
  testModel,
  warn,
}: InferenceTests): TestRunnerPorts {
  const now = () => decider.clock.now();
  return {
    lease: () => new TestLeases(db, decider.tenant).lease(now(), testLeaseMs),
    renew: (test) => new TestLeases(db, decider.tenant).renew(test, now() + testLeaseMs),
    ask: (request) => {
      const { model: name, version, digest } = request;
      const signature = decider.sign?.({ name, version, digest }) ?? '';
      return testModel({ ...request, signature }, testTimeoutMs);
    },
    conclude: (test, answer) =>
      transact(async (tx, emitFor) => {
        // The system first, as everywhere: two orders of locking would meet in a deadlock.
        await storeOf(decider, tx).lock(test.system);
        // Whoever was too slow finds another epoch here and leaves the decision to the one who has it.
        if (!(await new TestLeases(tx, decider.tenant).holds(test))) return;
        const cause = await new Listings(tx, decider.tenant).causeOf(test.rollout_id);
        const fact = { kind: 'model-tested' as const, rolloutId: test.rollout_id, answer };
        await applyFact(decider, tx, test.system, { fact, cause, emit: emitFor(cause) });
        await new TestLeases(tx, decider.tenant).drop(test.rollout_id);
      }),
    postpone: (test, delayMs) => new TestLeases(db, decider.tenant).postpone(test, now() + delayMs),
    warn,
  };
}
