import { Worker } from 'node:worker_threads';
import type { ExecutorAnswer } from './executor-messages.js';
import type { HostOptions } from './model-host.js';
import type { Line } from './remote-executor.js';
import { besideModule } from './worker-url.js';

/** A thread that runs models. It cannot be stopped inside of the engine without the process. */
export function threadLine(host: HostOptions): Line {
  const worker = new Worker(besideModule(import.meta.url, './executor-worker.js'), { workerData: host });
  let reason = 'it ended';
  worker.on('error', (error) => {
    reason = error.message;
  });
  return {
    post: (request) => worker.postMessage(request),
    onAnswer: (listener) => worker.on('message', (answer: ExecutorAnswer) => listener(answer)),
    onExit: (listener) => worker.on('exit', (code) => listener(`${reason} (exit code ${code})`)),
    abandon: () => {
      // It ends when it comes back; until then it keeps a core, and must not keep the process.
      worker.postMessage({ job: 0, kind: 'end' });
      worker.unref();
    },
  };
}
