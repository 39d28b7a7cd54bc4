import type { Route, ServeRequest } from '@perennial/contracts';
import { inputsOf, responseOf, type Tensor } from '@perennial/runtime';
import { afterEach, expect, test } from 'vitest';
import { JointInference } from '../../src/effects/joint-inference.js';
import { Replica, type ReplicaCalls } from '../../src/effects/replica.js';

const poison = 13;
const refused = 7;
const model = { name: 'heat', route: { digest: 'd', version: 1 } as Route, pool: '', serve: undefined };

let replica: Replica;
afterEach(() => replica?.close());

/** A replica that doubles numbers, breaks its stream over one number and refuses another; the rows of each request. */
function doubling(): { joint: JointInference; rows: number[] } {
  const rows: number[] = [];
  const calls: ReplicaCalls = {
    ping: async () => ({}),
    load: async () => ({}),
    async *serve(requests) {
      for await (const { sequence, request } of requests) {
        const [input] = inputsOf(request as NonNullable<ServeRequest['request']>) as [Tensor];
        const values = [...(input.data as Float64Array)];
        rows.push(values.length);
        if (values.includes(poison)) throw new Error('the replica went down');
        const response = responseOf([column(values.map((value) => value * 2))], {
          modelName: 'heat',
          modelVersion: '1',
          id: '',
        });
        const error = { code: 'MODEL_RUN_FAILED', message: 'not this one' };
        yield {
          sequence,
          outcome: values.includes(refused)
            ? { case: 'error' as const, value: error }
            : { case: 'response' as const, value: response },
        } as never;
      }
    },
  };
  replica = new Replica(calls, () => {});
  return { joint: new JointInference(replica), rows };
}

function column(values: readonly number[]): Tensor {
  return { name: 'x', datatype: 'FP64', shape: [values.length, 1], data: Float64Array.from(values) };
}

const ask = (joint: JointInference, ...values: number[]) =>
  joint
    .infer(model, [column(values)], { deadlineAt: performance.now() + 20_000 })
    .then(({ outputs: [output] }) => [...(output?.data ?? [])]);

test('requests that come together travel as one, and each gets its own rows', async () => {
  const { joint, rows } = doubling();
  const answers = await Promise.all([ask(joint, 1), ask(joint, 2, 3), ask(joint, 4)]);
  expect(answers).toEqual([[2], [4, 6], [8]]);
  expect(rows).toEqual([4]);
});

test('a request of many rows travels alone', async () => {
  const { joint, rows } = doubling();
  const many = Array.from({ length: 40 }, (_, at) => at + 100);
  const answers = await Promise.all([ask(joint, 1), ask(joint, ...many)]);
  expect(answers).toEqual([[2], many.map((value) => value * 2)]);
  expect(rows.sort((a, b) => a - b)).toEqual([1, 40]);
});

test('what the model refuses fails its own request alone', async () => {
  const { joint } = doubling();
  const [bad, good] = await Promise.allSettled([ask(joint, refused), ask(joint, 2)]);
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'MODEL_RUN_FAILED' } });
  expect(good).toEqual({ status: 'fulfilled', value: [4] });
});

test('a request that brings replicas down takes no other with it', async () => {
  const { joint } = doubling();
  const [bad, ...good] = await Promise.allSettled([ask(joint, poison), ask(joint, 2), ask(joint, 3)]);
  expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'INFERENCE_UNAVAILABLE' } });
  expect(good.map((one) => one.status === 'fulfilled' && one.value)).toEqual([[4], [6]]);
});
