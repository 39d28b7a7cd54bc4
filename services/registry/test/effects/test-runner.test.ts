import { create } from '@bufbuild/protobuf';
import { TestModelResponseSchema } from '@perennial/contracts';
import { invalid, unavailable } from '@perennial/kernel';
import { expect, test } from 'vitest';
import type { TestAnswer } from '../../src/decide/facts.js';
import { type TestRunnerPorts, testOne } from '../../src/effects/test-runner.js';
import type { ModelTest } from '../../src/test-leases.js';

const due: ModelTest = {
  tenant: 'default',
  rollout_id: 'rollout',
  system: 'weather',
  version: 2,
  digest: 'sha256:model',
  manifest_digest: 'sha256:manifest',
  epoch: 1,
  attempt: 0,
  next_at: new Date(0),
  leased_until: null,
};

async function outcomeOf(ask: TestRunnerPorts['ask'], attempt = 0) {
  const seen: { answer?: TestAnswer; delayMs?: number } = {};
  const didWork = await testOne(
    {
      lease: async () => ({ ...due, attempt }),
      ask,
      conclude: async (_test, answer) => {
        seen.answer = answer;
      },
      postpone: async (_test, delayMs) => {
        seen.delayMs = delayMs;
      },
      renew: async () => {},
      warn: () => {},
    },
    15_000,
  );
  expect(didWork).toBe(true);
  return seen;
}

test('an answer concludes the test', async () => {
  const { answer } = await outcomeOf(async () => create(TestModelResponseSchema, { passed: true }));
  expect(answer).toMatchObject({ passed: true });
});

test.each([
  [0, 250],
  [3, 2_000],
  [60, 15_000],
])('an inference that is away is asked again without end: try %i waits %i ms', async (attempt, delayMs) => {
  const away = await outcomeOf(
    async () => Promise.reject(unavailable('INFERENCE_UNAVAILABLE', 'away')),
    attempt,
  );
  expect(away).toEqual({ delayMs });
});

test('a refusal fails the candidate with its reason', async () => {
  const { answer } = await outcomeOf(async () => Promise.reject(invalid('MODEL_BROKEN', 'no such operator')));
  expect(answer).toMatchObject({ passed: false, reason: expect.stringContaining('no such operator') });
});

test('a failure without a name is tried again a bounded number of times', async () => {
  const broken = async () => Promise.reject(new Error('boom'));
  expect(await outcomeOf(broken, 7)).toMatchObject({ delayMs: expect.any(Number) });
  expect(await outcomeOf(broken, 8)).toMatchObject({ answer: { passed: false } });
});

test('a database that is away ends the try, not the runner', async () => {
  const warned: string[] = [];
  const away = async () => Promise.reject(unavailable('DATABASE_UNAVAILABLE', 'restarting'));
  const didWork = await testOne(
    {
      lease: away,
      ask: away,
      conclude: away,
      renew: away,
      postpone: away,
      warn: ({ code }) => warned.push(code),
    },
    1,
  );
  expect(didWork).toBe(false);
  expect(warned).toEqual(['DATABASE_UNAVAILABLE']);
});
