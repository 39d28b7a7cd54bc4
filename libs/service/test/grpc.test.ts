import { once } from 'node:events';
import { connect } from 'node:http2';
import { context, propagation, trace } from '@opentelemetry/api';
import { invalid, PlatformError } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Call, createClient, type GrpcServer, type Implementation, rpc, serveGrpc } from '../src/mod.js';
import { installLightTracing } from '../src/telemetry/context.js';
import { EchoService } from './echo-service.js';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
beforeAll(() => {
  installLightTracing();
  return () => {
    context.disable();
    propagation.disable();
  };
});

const echo: Implementation<typeof EchoService> = {
  say: ({ value }) => ({ value }),
  count: async function* ({ value }) {
    for (let at = 0; at < value; at++) yield { value: at };
  },
  sum: async (requests) => {
    let sum = 0;
    for await (const { value } of requests) sum += value;
    return { value: sum };
  },
  double: async function* (requests) {
    for await (const { value } of requests) yield { value: value * 2 };
  },
};

async function serve(part: Partial<Implementation<typeof EchoService>> = {}, listen = '127.0.0.1:0') {
  const server = await serveGrpc({
    services: [rpc(EchoService, { ...echo, ...part })],
    listen,
    drainTimeoutMs: 5_000,
  });
  open.push(() => server.drain());
  return server;
}

function clientOf({ address }: Pick<GrpcServer, 'address'>) {
  const client = createClient(EchoService, address, { peer: 'echo' });
  open.push(() => client.close());
  return client;
}

async function* numbers(count: number) {
  for (let at = 0; at < count; at++) yield { value: at };
}

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('expected an error'),
    (error: unknown) => error as PlatformError,
  );

describe('calls of each kind', () => {
  test('answer whole and in order, also when the client reads slower than the server writes', async () => {
    const client = clientOf(await serve());
    expect((await client.say({ value: 'grüße' })).value).toBe('grüße');
    expect((await listOf(client.count({ value: 20_000 }))).map(({ value }) => value)).toEqual(
      Array.from({ length: 20_000 }, (_, at) => at),
    );
    expect((await client.sum(numbers(5_000))).value).toBe((4_999 * 5_000) / 2);
    const doubled = await listOf(client.double(numbers(5_000)));
    expect(doubled.map(({ value }) => value)).toEqual(Array.from({ length: 5_000 }, (_, at) => at * 2));
  });

  test('a stream is answered after its request side has ended', async () => {
    const client = clientOf(
      await serve({
        double: async function* (requests) {
          const all = await listOf(requests);
          yield* all;
        },
      }),
    );
    expect(await listOf(client.double(numbers(3)))).toHaveLength(3);
  });
});

describe('errors', () => {
  const refused = invalid('COLUMN_INVALID', 'temp_min: "häufig" is no number', { field: 'temp_min' });

  test('code, fault, retry, field and text travel, internals do not', async () => {
    const client = clientOf(
      await serve({
        say: () => {
          throw new PlatformError('POOL_EXHAUSTED', 'dependency', 'after', 'no place: größer', {
            retryAfterMs: 250,
            field: 'pool',
            internal: 'secret',
          });
        },
        double: async function* () {
          yield { value: 1 };
          throw refused;
        },
      }),
    );
    const error = await failureOf(client.say({ value: '' }));
    expect(error).toBeInstanceOf(PlatformError);
    expect(error).toMatchObject({
      code: 'POOL_EXHAUSTED',
      fault: 'dependency',
      retry: 'after',
      message: 'no place: größer',
      retryAfterMs: 250,
      field: 'pool',
      internal: undefined,
    });
    const seen: number[] = [];
    const streamed = await failureOf(
      (async () => {
        for await (const { value } of client.double(numbers(1))) seen.push(value);
      })(),
    );
    expect(seen).toEqual([1]);
    expect(streamed).toMatchObject({ code: 'COLUMN_INVALID', field: 'temp_min', fault: 'caller' });
  });

  test('what is unexpected is masked for the caller and told to the server', async () => {
    const told: unknown[] = [];
    const server = await serveGrpc({
      services: [
        rpc(EchoService, {
          ...echo,
          say: () => {
            throw new TypeError('password is hunter2');
          },
        }),
      ],
      listen: '127.0.0.1:0',
      onError: (error) => told.push(error),
    });
    open.push(() => server.drain());
    const error = await failureOf(clientOf(server).say({ value: '' }));
    expect(error).toMatchObject({ code: 'INTERNAL', fault: 'us' });
    expect(error.message).not.toContain('hunter2');
    expect(told).toMatchObject([{ code: 'INTERNAL', internal: expect.stringContaining('hunter2') }]);
  });

  test('whom authorize refuses never reaches the service', async () => {
    let reached = 0;
    const server = await serveGrpc({
      services: [rpc(EchoService, { ...echo, say: () => ({ value: String(++reached) }) })],
      listen: '127.0.0.1:0',
      authorize: (metadata) => {
        if (metadata.get('authorization')[0] !== 'Bearer right')
          throw invalid('UNAUTHENTICATED', 'send a token');
      },
    });
    open.push(() => server.drain());
    const client = clientOf(server);
    expect(await failureOf(client.say({ value: '' }))).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(reached).toBe(0);
    const metadata = { authorization: 'Bearer right' };
    expect((await client.say({ value: '' }, { metadata })).value).toBe('1');
  });

  test('a request stream that fails, fails the call with its own error', async () => {
    const client = clientOf(await serve());
    const broken = async function* () {
      yield { value: 1 };
      throw refused;
    };
    expect(await failureOf(client.sum(broken()))).toBe(refused);
    expect(await failureOf(listOf(client.double(broken())))).toBe(refused);
  });
});

describe('cancellation and deadlines', () => {
  const untilAborted = ({ signal }: Call) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

  test('a deadline ends the call on both sides', async () => {
    let ended = 0;
    const say = async (_: unknown, call: Call) => {
      expect(call.deadline).toBeInstanceOf(Date);
      return untilAborted(call).finally(() => ended++);
    };
    const client = clientOf(await serve({ say }));
    expect(await failureOf(client.say({ value: '' }, { timeoutMs: 50 }))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await waitFor('the server to see it', () => ended === 1);
  });

  test('a client that cancels, or leaves its loop, ends the work on the server', async () => {
    let ended = 0;
    const forever = async function* (_: unknown, { signal }: Call) {
      try {
        for (let value = 0; !signal.aborted; value++) {
          yield { value };
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        ended++;
      }
    };
    const client = clientOf(
      await serve({
        count: forever,
        double: forever,
        say: (_, call) => untilAborted(call).finally(() => ended++),
      }),
    );
    const abort = new AbortController();
    const asked = failureOf(client.say({ value: '' }, { signal: abort.signal }));
    abort.abort();
    expect(await asked).toMatchObject({ code: 'CANCELLED' });
    for await (const { value } of client.count({ value: 0 })) if (value === 3) break;
    for await (const { value } of client.double(numbers(2))) if (value === 3) break;
    await waitFor('the server to end all of them', () => ended >= 2);
  });
});

describe('restarts', () => {
  test('drain lets a call in hand end and takes no other', async () => {
    let release = () => {};
    const inHand = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = 0;
    const server = await serve({
      say: async ({ value }) => {
        entered++;
        await inHand;
        return { value };
      },
    });
    const asked = clientOf(server).say({ value: 'late' });
    await waitFor('the call to be in hand', () => entered === 1);
    const drained = server.drain();
    const refused = await failureOf(clientOf(server).say({ value: 'too late' }));
    expect(refused.code).toBe('ECHO_UNAVAILABLE');
    release();
    expect((await asked).value).toBe('late');
    await drained;
    expect(entered).toBe(1);
  });

  test('a long-lived stream that heeds draining ends at once, with what it had in hand answered', async () => {
    const server = await serve({
      double: async function* (requests, { draining }) {
        const iterator = requests[Symbol.asyncIterator]();
        const over = new Promise<undefined>((resolve) =>
          draining.addEventListener('abort', () => resolve(undefined)),
        );
        for (;;) {
          const next = await Promise.race([iterator.next(), over]);
          if (!next || next.done) return;
          yield { value: next.value.value * 2 };
        }
      },
    });
    const answers: number[] = [];
    const endless = async function* () {
      yield { value: 21 };
      await new Promise(() => undefined);
    };
    const ended = (async () => {
      for await (const { value } of clientOf(server).double(endless())) answers.push(value);
    })();
    await waitFor('an answer', () => answers.length === 1);
    await server.drain();
    await ended;
    expect(answers).toEqual([42]);
  });

  test('a call that is not sent yet waits for a peer that is being started again', async () => {
    const first = await serve();
    const client = clientOf(first);
    expect((await client.say({ value: '1' })).value).toBe('1');
    await first.drain();
    expect((await failureOf(client.say({ value: '2' }))).code).toBe('ECHO_UNAVAILABLE');
    const early = client.say({ value: '3' });
    await serve({}, first.address);
    expect((await early).value).toBe('3');
  });

  test('a client survives the restart of its peer', async () => {
    const first = await serve();
    const client = clientOf(first);
    expect((await client.say({ value: '1' })).value).toBe('1');
    await first.drain();
    expect(await failureOf(client.say({ value: '2' }))).toMatchObject({
      code: 'ECHO_UNAVAILABLE',
      fault: 'dependency',
      retry: 'after',
    });
    await serve({}, first.address);
    const answer = await waitFor('an answer', () => client.say({ value: '3' }).catch(() => undefined));
    expect(answer.value).toBe('3');
  });

  test('a port that is taken is said in one sentence', async () => {
    const { address } = await serve();
    expect(await failureOf(serve({}, address))).toMatchObject({ code: 'LISTEN_UNAVAILABLE' });
  });
});

test('the trace of the caller goes on in the called, and one begins where there is none', async () => {
  const traces: (string | undefined)[] = [];
  const inner = clientOf(
    await serve({
      say: ({ value }) => {
        traces.push(trace.getActiveSpan()?.spanContext().traceId);
        return { value };
      },
    }),
  );
  const outer = clientOf(
    await serve({
      say: async ({ value }) => {
        traces.push(trace.getActiveSpan()?.spanContext().traceId);
        return inner.say({ value });
      },
    }),
  );
  await outer.say({ value: '' });
  expect(traces[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(traces[1]).toBe(traces[0]);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await outer.say({ value: '' }, { metadata: { traceparent } });
  expect(traces.slice(2)).toEqual(['a'.repeat(32), 'a'.repeat(32)]);
});

describe('who is not let in', () => {
  /** Opens a call and sends `bytes` of a message, if any; gives what the server answers. */
  async function answerTo(address: string, token: string, bytes?: Buffer) {
    const session = connect(`http://${address}`);
    open.push(() => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':path': '/test.EchoService/Say',
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: token,
    });
    if (bytes) stream.end(bytes);
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    stream.close();
    return headers;
  }

  test.each([false, true])('is told so before anything of a message has come (late: %s)', async (isLate) => {
    const server = await serveGrpc({
      services: [rpc(EchoService, { ...echo, say: (_value, { caller }) => ({ value: String(caller) }) })],
      listen: '127.0.0.1:0',
      streamsMax: 3,
      authorize: (metadata) => {
        const name = String(metadata.get('authorization')[0]);
        if (name === 'desk') return isLate ? Promise.resolve(name) : name;
        const refused = invalid('UNAUTHENTICATED', 'who is that?');
        if (!isLate) throw refused;
        return Promise.reject(refused);
      },
    });
    open.push(() => server.drain());
    expect(await answerTo(server.address, 'nobody')).toMatchObject({ 'grpc-status': '16' });
    const whole = Buffer.from([0, 0, 0, 0, 0]);
    expect(await answerTo(server.address, 'desk', whole)).not.toHaveProperty('grpc-status');
    const client = clientOf(server);
    const metadata = { authorization: 'desk' };
    expect(await client.say({ value: '' }, { metadata })).toMatchObject({ value: 'desk' });
    expect(await failureOf(client.say({ value: '' }))).toMatchObject({ code: 'UNAUTHENTICATED' });
    const session = connect(`http://${server.address}`);
    open.push(() => session.destroy());
    await once(session, 'remoteSettings');
    expect(session.remoteSettings.maxConcurrentStreams).toBe(3);
  });
});

test('connections beyond the bound are cut, and one that ends makes room for another', async () => {
  const services = [rpc(EchoService, echo)];
  const server = await serveGrpc({
    services,
    listen: '127.0.0.1:0',
    connectionsMax: 1,
    drainTimeoutMs: 5_000,
  });
  open.push(() => server.drain());
  const first = connect(`http://${server.address}`);
  await once(first, 'remoteSettings');
  const second = connect(`http://${server.address}`);
  second.on('error', () => {});
  await once(second, 'close');
  expect(first.destroyed).toBe(false);
  first.destroy();
  const client = clientOf(server);
  await waitFor('room', async () => {
    const answer = await client.say({ value: 'in' }).catch(() => undefined);
    return answer?.value === 'in';
  });
});
