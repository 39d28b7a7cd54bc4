import { errorDataOf } from './error-data.js';
import type { ExecutorAnswer, ExecutorRequest } from './executor-messages.js';
import { type HostOptions, ModelHost } from './model-host.js';

/**
 * The far end of an executor, in a thread or process that may block. Runs come one after the other, and so do loads; a
 * load lets runs of other models go between its steps. `onEnd` is called behind the answer to the last one.
 */
export function executorJobs(
  options: HostOptions,
  answer: (answer: ExecutorAnswer) => void,
  onEnd: () => void,
): (request: ExecutorRequest) => void {
  const host = new ModelHost(options);
  const handle = async (request: ExecutorRequest): Promise<ExecutorAnswer> => {
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
        return { job, kind: 'ended' };
    }
  };
  let lastRun: Promise<unknown> = Promise.resolve();
  let lastLoad: Promise<unknown> = Promise.resolve();
  return (request) => {
    const before =
      request.kind === 'run'
        ? lastRun
        : request.kind === 'load'
          ? lastLoad
          : Promise.all([lastRun, lastLoad]);
    const done = before.then(async () => {
      const answered = await handle(request).catch(
        (thrown: unknown): ExecutorAnswer => ({
          job: request.job,
          kind: 'failed',
          error: errorDataOf(thrown),
        }),
      );
      answer(answered);
      if (answered.kind === 'ended') onEnd();
    });
    if (request.kind !== 'load') lastRun = done;
    if (request.kind !== 'run') lastLoad = done;
  };
}
