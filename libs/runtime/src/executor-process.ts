import { executorJobs } from './executor-jobs.js';
import type { ExecutorRequest } from './executor-messages.js';
import type { HostOptions } from './model-host.js';

/** The process that models run in, where they are to be kept apart from the one that serves. */

const host = JSON.parse(process.argv[2] ?? '') as HostOptions;
const work = executorJobs(
  host,
  (answer) => process.send?.(answer),
  // Behind what was sent.
  () => process.disconnect(),
);
process.on('message', (request) => work(request as ExecutorRequest));
process.on('disconnect', () => process.exit());
