import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type GetReplicaResponseSchema,
  InferenceService,
  type LoadModelResponseSchema,
  oip,
  type ServeError,
  type ServeRequest,
} from '@perennial/contracts';
import { inputsOf, responseOf } from '@perennial/runtime';
import { createClient, rpc, serveGrpc } from '@perennial/service';
import type { MemberOptions } from '../../src/fleet/member.js';

const stops: (() => Promise<void> | void)[] = [];

/** Ends all that was started here. */
export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

/** What a replica does with a request: `crash` breaks its stream as a kill would. */
export type Decision =
  | 'answer'
  | 'ignore'
  | 'crash'
  | ({ error: string } & Partial<Pick<ServeError, 'fault' | 'retry' | 'retryAfterMs'>>)
  | { afterMs: number };
export type Decide = (request: ServeRequest, heard: readonly ServeRequest[]) => Decision;

export interface TestReplica {
  readonly address: string;
  readonly heard: ServeRequest[];
  /** Sequences. */
  readonly cancelled: bigint[];
  readonly loaded: string[];
  self: MessageInitShape<typeof GetReplicaResponseSchema>;
  stop(): Promise<void>;
}

/** A real gRPC server that doubles every number it is sent, or does as told. */
export async function startReplica(
  decide: Decide = () => 'answer',
  costs: MessageInitShape<typeof LoadModelResponseSchema> = { joinable: true },
): Promise<TestReplica> {
  const heard: ServeRequest[] = [];
  const cancelled: bigint[] = [];
  const loaded: string[] = [];
  const server = await serveGrpc({
    listen: '127.0.0.1:0',
    drainTimeoutMs: 0,
    services: [
      rpc(InferenceService, {
        getReplica: () => replica.self,
        loadModel: ({ digest }) => {
          loaded.push(digest);
          return costs;
        },
        unloadModel: () => ({}),
        testModel: () => ({}),
        async *serve(requests) {
          const answers: ReturnType<typeof answerTo>[] = [];
          let wake = () => {};
          let failure: Error | undefined;
          let isOver = false;
          void (async () => {
            for await (const request of requests) {
              if (request.cancel) {
                cancelled.push(request.sequence);
                continue;
              }
              heard.push(request);
              const decision = decide(request, heard);
              if (decision === 'crash') failure = new Error('the replica goes down');
              else if (typeof decision === 'object' && 'afterMs' in decision) {
                setTimeout(() => {
                  answers.push(answerTo(request));
                  wake();
                }, decision.afterMs);
              } else if (decision !== 'ignore') answers.push(answerTo(request, decision));
              wake();
            }
            isOver = true;
            wake();
          })().catch(() => {});
          while (!isOver) {
            if (failure) throw failure;
            for (const answer of answers.splice(0)) yield answer;
            await new Promise<void>((resolve) => {
              wake = resolve;
              if (answers.length > 0 || failure || isOver) resolve();
            });
          }
        },
      }),
    ],
  });
  let isStopped = false;
  const replica: TestReplica = {
    address: server.address,
    heard,
    cancelled,
    loaded,
    self: { pool: 'cpu', models: [{ digest: 'd' }] },
    stop: async () => {
      if (isStopped) return;
      isStopped = true;
      await server.drain();
    },
  };
  stops.push(() => replica.stop());
  return replica;
}

function answerTo({ sequence, request }: ServeRequest, decision: Decision = 'answer') {
  if (typeof decision === 'object' && 'error' in decision) {
    const { error: code, ...said } = decision;
    const value = { code, message: 'told to', ...said };
    return { sequence, outcome: { case: 'error' as const, value } };
  }
  const asked = request ?? create(oip.ModelInferRequestSchema);
  const outputs = inputsOf(asked).map((input) => ({
    ...input,
    data: Float64Array.from(input.data as Float64Array, (value) => value * 2),
  }));
  const { modelName, modelVersion } = asked;
  const value = responseOf(outputs, { modelName, modelVersion, id: '' });
  return { sequence, outcome: { case: 'response' as const, value } };
}

export function callsTo(address: string): MemberOptions['calls'] {
  const client = createClient(InferenceService, address, { peer: 'inference' });
  stops.push(() => client.close());
  return {
    ping: (timeoutMs) => client.getReplica({}, { timeoutMs }),
    load: (request) => client.loadModel(request),
    unload: (digest) => client.unloadModel({ digest }),
    serve: (requests, signal) => client.serve(requests, { signal }),
    close: () => client.close(),
  };
}

/** A way to a server whose connections can be cut as a kill would, or stopped as a process that hangs would. */
export async function cuttable(
  target: string,
): Promise<{ address: string; cut: () => void; pause: () => () => void }> {
  const open = new Set<Socket>();
  let isPaused = false;
  const port = Number(target.split(':')[1]);
  const proxy = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => near.write(bytes));
    if (isPaused) for (const socket of [near, far]) socket.pause();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  const pause = () => {
    isPaused = true;
    for (const socket of open) socket.pause();
    return () => {
      isPaused = false;
      for (const socket of open) socket.resume();
    };
  };
  stops.push(() => {
    proxy.close();
    cut();
  });
  return { address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, cut, pause };
}
