import { once } from 'node:events';
import type { Cancellation } from '@perennial/runtime';
import { waitFor } from '@perennial/testkit';
import { afterEach, expect, test, vi } from 'vitest';
import type { LaneAnswer } from '../../src/http/lane/answer-text.js';
import { gatewayLimits } from '../../src/limits.js';
import { type Echo, open, openEcho } from './two-servers.js';

let echo: Echo;
afterEach(() => echo?.close());

const request = (body: string) =>
  `POST /v2/models/heat/infer HTTP/1.1\r\nhost: here\r\nauthorization: Bearer x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const answerOf = (body: string): LaneAnswer => ({ status: 200, headers: {}, body });

/** Answers when it is told to, in whatever order. */
function held() {
  const waiting = new Map<string, (answer: LaneAnswer) => void>();
  const signals: Cancellation[] = [];
  return {
    waiting,
    signals,
    answer: (_head: unknown, body: Buffer, signal: Cancellation) => {
      signals.push(signal);
      return new Promise<LaneAnswer>((resolve) => waiting.set(body.toString(), resolve));
    },
  };
}

function talk(port: number) {
  const socket = open(port);
  let said = '';
  socket.on('data', (part) => {
    said += part.toString();
  });
  return {
    socket,
    said: () => said,
    bodies: () =>
      said
        .split('\r\n\r\n')
        .slice(1)
        .map((part) => part.split('HTTP/')[0]),
  };
}

test('requests behind one that is worked on wait for it, and are answered in their order', async () => {
  const { waiting, answer } = held();
  echo = await openEcho('lane', answer);
  const { socket, bodies } = talk(echo.port);
  socket.write(request('1') + request('2').slice(0, 50));
  await waitFor('the first', () => waiting.has('1'));
  socket.write(request('2').slice(50) + request('3'));
  await new Promise((resolve) => setImmediate(resolve));
  expect([...waiting.keys()]).toEqual(['1']);
  for (const one of ['1', '2', '3']) {
    await waitFor(one, () => waiting.has(one));
    waiting.get(one)?.(answerOf(one));
  }
  await waitFor('all', () => bodies().length === 3);
  expect(bodies()).toEqual(['1', '2', '3']);
});

test('a client that hangs up is told to the request that it asked, and to no later one', async () => {
  const { signals, answer } = held();
  echo = await openEcho('lane', answer);
  const { socket } = talk(echo.port);
  let told = 0;
  socket.write(request('1'));
  await waitFor('the request', () => signals.length === 1);
  signals[0]?.addEventListener('abort', () => {
    told += 1;
  });
  socket.write(request('2'));
  socket.destroy();
  await waitFor('the word', () => told === 1);
  expect(signals[0]?.aborted).toBe(true);
  expect(signals).toHaveLength(1);
});

test('a request that comes in part is read by the lane, or by node:http where the rest is long in coming', async () => {
  echo = await openEcho('lane');
  const { socket, said } = talk(echo.port);
  for (const character of request('quick')) socket.write(character);
  await waitFor('an answer', () => said().includes('quick'));
  expect(echo.asked).toEqual({ node: 0, lane: 1 });
  socket.write(request('slow').slice(0, -1));
  // It has been handed over when node:http, which tells of a request by its head, has heard of it.
  await waitFor('node:http', () => echo.asked.node === 1);
  socket.write('w');
  await waitFor('another answer', () => said().includes('slow'));
  // And the connection is node:http's.
  socket.write(request('again'));
  await waitFor('the last answer', () => said().includes('again'));
  expect(echo.asked).toEqual({ node: 2, lane: 1 });
});

test('what comes behind a request that came in part and is worked on for long is not lost', async () => {
  const { waiting, answer } = held();
  echo = await openEcho('lane', answer);
  const { socket, bodies } = talk(echo.port);
  socket.write(request('1').slice(0, 20));
  await waitFor('the connection', () => socket.bytesWritten === 20 && socket.readyState === 'open');
  // Has come in part for the lane as well when another, which came later, has been read.
  const other = talk(echo.port);
  other.socket.write(request('other'));
  await waitFor('another request', () => waiting.has('other'));
  socket.write(request('1').slice(20));
  await waitFor('the first', () => waiting.has('1'));
  socket.write(request('2'));
  const slow = talk(echo.port);
  slow.socket.write(request('slow').slice(0, -1));
  // Those who came in part before it have been looked at for the last time.
  await waitFor('node:http', () => echo.asked.node === 1);
  waiting.get('1')?.(answerOf('1'));
  await waitFor('the second', () => waiting.has('2'));
  waiting.get('2')?.(answerOf('2'));
  await waitFor('both answers', () => bodies().length === 2);
  expect(bodies()).toEqual(['1', '2']);
});

test('answers that nobody reads are not made on and on, and come whole when they are read', async () => {
  const large = 'x'.repeat(1_000_000);
  let asked = 0;
  echo = await openEcho('lane', () => {
    asked += 1;
    return answerOf(large);
  });
  const socket = open(echo.port);
  socket.pause();
  const count = 40;
  socket.write(request('1').repeat(count));
  await waitFor('the first answers', () => asked > 0);
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  const made = asked;
  expect(made).toBeLessThan(count);
  let bytes = 0;
  socket.on('data', (part) => {
    bytes += part.length;
  });
  socket.resume();
  await waitFor('all answers', () => bytes > count * large.length);
  expect(asked).toBe(count);
});

test('who asks nothing is told so after the time for a head, and who asks no more is let go after the time to keep alive', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    echo = await openEcho('lane');
    const [silent, known] = [talk(echo.port), talk(echo.port)];
    known.socket.write(request('1'));
    await waitFor('an answer', () => known.bodies().length === 1);
    await waitFor('the silent one', () => silent.socket.readyState === 'open');
    const { connectionsCheckMs, headersTimeoutMs, keepAliveMs } = gatewayLimits;
    vi.advanceTimersByTime(headersTimeoutMs + connectionsCheckMs);
    await waitFor('the last word', () => silent.socket.destroyed);
    expect(silent.said()).toMatch(/^HTTP\/1\.1 408 /);
    expect(known.socket.destroyed).toBe(false);
    vi.advanceTimersByTime(keepAliveMs + connectionsCheckMs - headersTimeoutMs);
    await waitFor('the end', () => known.socket.destroyed);
    expect(known.bodies()).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});

test('a lane that closes ends idle connections at once and busy ones with their answer, which says so', async () => {
  const { waiting, answer } = held();
  echo = await openEcho('lane', answer);
  const [idle, busy] = [talk(echo.port), talk(echo.port)];
  busy.socket.write(request('1'));
  await waitFor('the request', () => waiting.has('1'));
  await waitFor('the idle one', () => idle.socket.readyState === 'open');
  const ended = once(idle.socket, 'close');
  echo.lanes?.close();
  await ended;
  expect(busy.socket.destroyed).toBe(false);
  waiting.get('1')?.(answerOf('last'));
  await once(busy.socket, 'close');
  expect(busy.said()).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\nlast$/);
});

test('an answer of other letters than ASCII has the length of its bytes', async () => {
  echo = await openEcho('lane', () => answerOf('Wärme 🔥'));
  const { socket, said } = talk(echo.port);
  socket.write(request('1'));
  await waitFor('the answer', () => said().endsWith('Wärme 🔥'));
  expect(said()).toContain(`content-length: ${Buffer.byteLength('Wärme 🔥')}\r\n`);
});
