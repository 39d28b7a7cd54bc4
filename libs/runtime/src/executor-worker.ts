import { parentPort, workerData } from 'node:worker_threads';
import { PlatformError } from '@perennial/kernel';
import { checkedModel } from './check.js';
import type { ErrorData, ExecutorAnswer, ExecutorRequest } from './executor-messages.js';
import { runtimeLimits } from './limits.js';
import { openModel, type Session } from './session.js';

/** The thread that models run on: it may block, so nothing else lives here. */

const port = parentPort;
if (!port) throw new Error('executor-worker runs as a worker thread only');
const { threads } = workerData as { threads: number };
const sessions = new Map<string, Session>();

/** One after the other, in the order they came. */
let last: Promise<void> = Promise.resolve();
port.on('message', (request: ExecutorRequest) => {
  last = last.then(async () => {
    const answer = await handle(request).catch(
      (thrown: unknown): ExecutorAnswer => ({ job: request.job, kind: 'failed', error: dataOf(thrown) }),
    );
    port.postMessage(answer, answer.kind === 'ran' ? transferable(answer) : []);
  });
});

async function handle(request: ExecutorRequest): Promise<ExecutorAnswer> {
  const { job, digest } = request;
  switch (request.kind) {
    case 'load':
      return { job, kind: 'loaded', shape: await load(digest, request.bytes) };
    case 'run': {
      const session = sessions.get(digest);
      if (!session) throw new Error(`model ${digest} was asked to run before it was loaded`);
      const startedAt = performance.now();
      const outputs = await session.run(request.inputs);
      return { job, kind: 'ran', outputs, computeUs: (performance.now() - startedAt) * 1000 };
    }
    case 'unload': {
      const session = sessions.get(digest);
      sessions.delete(digest);
      await session?.release();
      return { job, kind: 'unloaded' };
    }
  }
}

async function load(digest: string, bytes: Uint8Array) {
  const before = process.memoryUsage.rss();
  let session = sessions.get(digest);
  if (!session) {
    await checkedModel(bytes);
    session = await openModel(bytes, { threads });
    sessions.set(digest, session);
  }
  const grown = process.memoryUsage.rss() - before;
  const memoryBytes = Math.max(grown, bytes.byteLength, runtimeLimits.sessionBytesMin);
  return { inputs: session.inputs, outputs: session.outputs, memoryBytes };
}

/** Output arrays that own their whole buffer move instead of being copied. */
function transferable(answer: ExecutorAnswer & { kind: 'ran' }): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of answer.outputs) {
    if (Array.isArray(data)) continue;
    const { buffer } = data;
    if (buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength) buffers.add(buffer);
  }
  return [...buffers];
}

function dataOf(thrown: unknown): ErrorData {
  if (thrown instanceof PlatformError) {
    const { code, fault, retry, message, internal, field } = thrown;
    return { code, fault, retry, message, internal, field };
  }
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return {
    code: 'MODEL_RUN_FAILED',
    fault: 'caller',
    retry: 'never',
    message: `the model refused the request: ${text.slice(0, 300)}`,
    internal: thrown instanceof Error ? thrown.stack : text,
  };
}
