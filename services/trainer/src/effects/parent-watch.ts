import { workerData } from 'node:worker_threads';

/**
 * A thread that ends the training process when its service is gone, by whatever signal: training computes on the
 * main thread, which could not look for itself. How often: a look costs microseconds.
 */
const everyMs = 200;

const { parentPid } = workerData as { parentPid: number };

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
}, everyMs);
