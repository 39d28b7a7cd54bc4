import { expect, test } from 'vitest';
import { inOrder } from '../../src/grpc/in-order.js';

/** Requests that come one by one as they are read; counts how many were. */
function counted(count: number) {
  let read = 0;
  return {
    get read() {
      return read;
    },
    async *[Symbol.asyncIterator]() {
      for (; read < count; read++) yield read;
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('answers keep the order of the requests, although later ones are done first', async () => {
  const answers: number[] = [];
  const work = async (request: number) => {
    for (let left = 20 - request; left > 0; left--) await turn();
    return request;
  };
  for await (const answer of inOrder(counted(20), 8, work)) answers.push(answer);
  expect(answers).toEqual(Array.from({ length: 20 }, (_, at) => at));
});

test('no more is read ahead than is allowed while nobody takes the answers', async () => {
  const requests = counted(100);
  const answers = inOrder(requests, 5, async (request) => request)[Symbol.asyncIterator]();
  expect((await answers.next()).value).toBe(0);
  for (let at = 0; at < 50; at++) await turn();
  // Five wait to be taken, one more was begun to be read when the first was.
  expect(requests.read).toBeLessThanOrEqual(6);
  for (let at = 1; at < 100; at++) expect((await answers.next()).value).toBe(at);
  expect((await answers.next()).done).toBe(true);
});

test('what fails ends the stream when its turn has come, and nothing behind it is answered', async () => {
  const answers: number[] = [];
  const work = async (request: number) => {
    if (request === 3) throw new Error('three');
    return request;
  };
  const stream = async () => {
    for await (const answer of inOrder(counted(10), 8, work)) answers.push(answer);
  };
  await expect(stream()).rejects.toThrow('three');
  expect(answers).toEqual([0, 1, 2]);
});

test('requests that cannot be read end the stream behind the answers of those before', async () => {
  async function* broken() {
    yield 1;
    yield 2;
    throw new Error('gone');
  }
  const answers: number[] = [];
  const stream = async () => {
    for await (const answer of inOrder(broken(), 8, async (request) => request)) answers.push(answer);
  };
  await expect(stream()).rejects.toThrow('gone');
  expect(answers).toEqual([1, 2]);
});

test('a stream that nobody reads any more is no longer read from', async () => {
  const requests = counted(100);
  for await (const answer of inOrder(requests, 4, async (request) => request)) if (answer === 2) break;
  const { read } = requests;
  for (let at = 0; at < 20; at++) await turn();
  expect(requests.read).toBeLessThanOrEqual(read + 1);
});
