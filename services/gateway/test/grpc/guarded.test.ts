import { create } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { systemClock } from '@perennial/kernel';
import type { Call } from '@perennial/service';
import { waitFor } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { KeyMeter } from '../../src/access/meter.js';
import type { Caller } from '../../src/decide/access.js';
import { guarded } from '../../src/grpc/guarded.js';
import { inOrder } from '../../src/grpc/in-order.js';

type Stream = (requests: AsyncIterable<unknown>, call: Call) => AsyncIterable<unknown>;

/** A stream whose messages are answered when the test says so. */
function stream(atOnce: number) {
  const meter = new KeyMeter(
    'shop',
    { requestsPerSecond: 0, burst: 0, rowsPerDay: 0, requestsAtOnce: atOnce },
    systemClock,
  );
  const caller: Caller = { name: 'shop', tenant: 'default', role: 'client', meter };
  const working: (() => void)[] = [];
  const implementation = {
    modelStreamInfer: (requests: AsyncIterable<unknown>) =>
      inOrder(requests, 128, (request) => new Promise((resolve) => working.push(() => resolve(request)))),
  };
  const refused: unknown[] = [];
  const { implementation: methods } = guarded(
    { service: oip.GRPCInferenceService, implementation },
    {
      onForbidden: () => {},
      onRefused: (...told) => void refused.push(told),
      callerAgain: () => caller,
    },
  );
  const ask = (count: number) => (methods['modelStreamInfer'] as Stream)(messages(count), { caller } as Call);
  return { meter, working, refused, ask };
}

async function* messages(count: number) {
  for (let at = 0; at < count; at++) yield create(oip.ModelInferRequestSchema, { modelName: 'heat' });
}

test('messages of a stream take places of the allowance until they are answered, and wait for them', async () => {
  const { meter, working, refused, ask } = stream(2);
  const answers: unknown[] = [];
  const reading = (async () => {
    for await (const answer of ask(5)) answers.push(answer);
  })();
  await waitFor('the first two', () => working.length === 2);
  expect(() => meter.begin()).toThrow(expect.objectContaining({ code: 'REQUESTS_AT_ONCE_EXHAUSTED' }));
  for (let at = 0; at < 5; at++) {
    await waitFor('the next', () => working.length > at);
    expect(working.length).toBeLessThanOrEqual(at + 2);
    working[at]?.();
    await waitFor('its answer', () => answers.length === at + 1);
  }
  await reading;
  expect(refused).toEqual([]);
  const ends = [meter.begin(), meter.begin()];
  for (const end of ends) end();
});

test('a stream that its client leaves gives all places back', async () => {
  const { meter, working, ask } = stream(2);
  for await (const _answer of withFirst(ask(5), working)) break;
  const ends = [meter.begin(), meter.begin()];
  for (const end of ends) end();
});

test('a message without a place that others hold ends its stream and is told', async () => {
  const { meter, refused, ask } = stream(1);
  meter.begin();
  const reading = (async () => {
    for await (const _answer of ask(1));
  })();
  await expect(reading).rejects.toMatchObject({ code: 'REQUESTS_AT_ONCE_EXHAUSTED' });
  expect(refused).toHaveLength(1);
});

/** Answers the first message as soon as it is worked on. */
function withFirst(answers: AsyncIterable<unknown>, working: (() => void)[]): AsyncIterable<unknown> {
  void waitFor('the first', () => working.length > 0).then(() => working[0]?.());
  return answers;
}
