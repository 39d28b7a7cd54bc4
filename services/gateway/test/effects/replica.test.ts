import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { InferenceService, oip, type ServeRequest } from '@perennial/contracts';
import { createClient, rpc, serveGrpc } from '@perennial/service';
import { waitFor } from '@perennial/testkit';
import { afterEach, expect, test } from 'vitest';
import { Replica } from '../../src/effects/replica.js';
import { gatewayLimits } from '../../src/limits.js';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

type Serve = (request: ServeRequest) => 'answer' | 'refuse' | 'ignore';

/** A real gRPC server that answers each request with its model's name, or as told; its address. */
async function serve(decide: Serve): Promise<string> {
  const server = await serveGrpc({
    listen: '127.0.0.1:0',
    drainTimeoutMs: 0,
    services: [
      rpc(InferenceService, {
        getReplica: () => ({}),
        loadModel: () => ({}),
        testModel: () => ({}),
        async *serve(requests) {
          for await (const request of requests) {
            const decision = decide(request);
            const { sequence } = request;
            if (decision === 'answer') {
              const response = create(oip.ModelInferResponseSchema, {
                modelName: request.request?.modelName ?? '',
              });
              yield { sequence, outcome: { case: 'response' as const, value: response } };
            } else if (decision === 'refuse') {
              const value = { code: 'INPUT_MISSING', message: 'an input is missing' };
              yield { sequence, outcome: { case: 'error' as const, value } };
            }
          }
        },
      }),
    ],
  });
  stops.push(() => server.drain());
  return server.address;
}

/** A way to a server that can be cut as a kill would: every connection breaks at once. */
async function cuttable(target: string): Promise<{ address: string; cut: () => void }> {
  const open = new Set<Socket>();
  const port = Number(target.split(':')[1]);
  const proxy = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  stops.push(() => {
    proxy.close();
    cut();
  });
  return { address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, cut };
}

function open(address: string): Replica {
  const client = createClient(InferenceService, address, { peer: 'inference' });
  const replica = new Replica(
    {
      ping: () => client.getReplica({}),
      load: (model, version, digest) => client.loadModel({ model, version, digest }),
      serve: (requests, signal) => client.serve(requests, { signal }),
    },
    () => {},
  );
  stops.push(() => {
    replica.close();
    client.close();
  });
  return replica;
}

const request = (modelName: string) => create(oip.ModelInferRequestSchema, { modelName });
const within = (ms: number) => performance.now() + ms;

test('requests share one stream and each gets its own answer', async () => {
  const replica = open(await serve(() => 'answer'));
  const names = Array.from({ length: 200 }, (_, at) => `model-${at}`);
  const answers = await Promise.all(names.map((name) => replica.infer('d', request(name), within(10_000))));
  expect(answers.map(({ modelName }) => modelName)).toEqual(names);
});

test('what was in flight is sent again when the replica is back, and answered', async () => {
  let heard = 0;
  const server = await serve(() => {
    heard += 1;
    return heard === 1 ? 'ignore' : 'answer';
  });
  const { address, cut } = await cuttable(server);
  const replica = open(address);
  const answer = replica.infer('d', request('heat'), within(10_000));
  await waitFor('the replica to hear it', () => heard === 1);
  cut();
  expect((await answer).modelName).toBe('heat');
  expect(heard).toBe(2);
});

test('what the caller did wrong is not tried again', async () => {
  const replica = open(await serve(() => 'refuse'));
  await expect(replica.infer('d', request('heat'), within(10_000))).rejects.toMatchObject({
    code: 'INPUT_MISSING',
    fault: 'caller',
  });
});

test('a request ends at its deadline when nobody answers', async () => {
  const replica = open(await serve(() => 'ignore'));
  await expect(replica.infer('d', request('heat'), within(100))).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  expect(replica.inFlight).toBe(0);
});

test('a request that the replica is lost with each time is given up', async () => {
  let heard = 0;
  const server = await serve(() => {
    heard += 1;
    return 'ignore';
  });
  const { address, cut } = await cuttable(server);
  const replica = open(address);
  const answer = replica.infer('d', request('poison'), within(20_000));
  answer.catch(() => {});
  for (let time = 1; time <= gatewayLimits.sendsMax; time++) {
    await waitFor(`the replica to hear it ${time} times`, () => heard === time);
    cut();
  }
  await expect(answer).rejects.toMatchObject({ code: 'INFERENCE_UNAVAILABLE' });
});
