import { parentPort, workerData } from 'node:worker_threads';
import { invalid, PlatformError } from '@perennial/kernel';
import { checkModel } from '@perennial/onnx';
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
  if (request.kind === 'end') return end(request.job);
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

/** Without the port nothing keeps the thread alive. */
async function end(job: number): Promise<ExecutorAnswer> {
  for (const session of sessions.values()) await session.release();
  port?.unref();
  return { job, kind: 'ended' };
}

async function load(digest: string, bytes: Uint8Array) {
  const before = process.memoryUsage.rss();
  let session = sessions.get(digest);
  if (!session) {
    checkModel(bytes);
    session = await opened(bytes);
    sessions.set(digest, session);
  }
  const grown = process.memoryUsage.rss() - before;
  const memoryBytes = Math.max(grown, bytes.byteLength, runtimeLimits.sessionBytesMin);
  return { inputs: session.inputs, outputs: session.outputs, memoryBytes };
}

/** What passed our check may still be refused by the runtime: an operator or type that it does not have. */
async function opened(bytes: Uint8Array): Promise<Session> {
  try {
    return await openModel(bytes, { threads });
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw invalid('MODEL_UNSUPPORTED', `ONNX Runtime refused the model: ${text.slice(0, 300)}`, { cause });
  }
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
