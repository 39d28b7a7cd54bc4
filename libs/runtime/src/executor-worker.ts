import { parentPort, workerData } from 'node:worker_threads';
import { errorDataOf } from './error-data.js';
import type { ExecutorAnswer, ExecutorRequest } from './executor-messages.js';
import { type HostOptions, ModelHost } from './model-host.js';

/** The thread that models run on: it may block, so nothing else lives here. */

const port = parentPort;
if (!port) throw new Error('executor-worker runs as a worker thread only');
const host = new ModelHost(workerData as HostOptions);

/** One after the other, in the order they came. */
let last: Promise<void> = Promise.resolve();
port.on('message', (request: ExecutorRequest) => {
  last = last.then(async () => {
    const answer = await handle(request).catch(
      (thrown: unknown): ExecutorAnswer => ({ job: request.job, kind: 'failed', error: errorDataOf(thrown) }),
    );
    port.postMessage(answer, answer.kind === 'ran' ? transferable(answer) : []);
  });
});

async function handle(request: ExecutorRequest): Promise<ExecutorAnswer> {
  const { job } = request;
  switch (request.kind) {
    case 'load':
      return { job, kind: 'loaded', shape: await host.load(request.digest, request.bytes, request.golden) };
    case 'run':
      return { job, kind: 'ran', ...(await host.run(request.digest, request.inputs)) };
    case 'unload':
      await host.unload(request.digest);
      return { job, kind: 'unloaded' };
    case 'end':
      await host.close();
      // Without the port nothing keeps the thread alive.
      port?.unref();
      return { job, kind: 'ended' };
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
