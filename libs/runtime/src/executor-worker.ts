import { parentPort, workerData } from 'node:worker_threads';
import { executorJobs } from './executor-jobs.js';
import type { ExecutorAnswer } from './executor-messages.js';
import type { HostOptions } from './model-host.js';

/** The thread that models run on: it may block, so nothing else lives here. */

const port = parentPort;
if (!port) throw new Error('executor-worker runs as a worker thread only');
port.on(
  'message',
  executorJobs(
    workerData as HostOptions,
    (answer) => port.postMessage(answer, answer.kind === 'ran' ? transferable(answer) : []),
    // Without the port nothing keeps the thread alive.
    () => port.unref(),
  ),
);

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
