import { Worker } from 'node:worker_threads';

/**
 * Tells moments (performance.now()) as they come, random ones, `perSecond` of them a second on average: a timer of the
 * event loop is up to a millisecond late, which would be the latency measured. A thread of its own sleeps to the
 * moment and tells; what it or the loop is late counts as latency.
 */
export function tick(perSecond: number, due: (moments: readonly number[]) => void): { stop(): void } {
  const source = `
    const { parentPort, workerData: { perSecond, sleepMinMs } } = require('node:worker_threads');
    const cell = new Int32Array(new SharedArrayBuffer(4));
    let next = performance.now() + 20;
    for (;;) {
      const moments = [];
      for (const now = performance.now(); next <= now; next += -Math.log(1 - Math.random()) * 1000 / perSecond)
        moments.push(performance.timeOrigin + next);
      if (moments.length > 0) parentPort.postMessage(moments);
      Atomics.wait(cell, 0, 0, Math.max(sleepMinMs, next - performance.now()));
    }`;
  // Above some thousand a second several are told at a time, or telling would be the load.
  const worker = new Worker(source, {
    eval: true,
    workerData: { perSecond, sleepMinMs: perSecond > 5_000 ? 0.3 : 0.02 },
  });
  const { timeOrigin } = performance;
  worker.on('message', (moments: number[]) => due(moments.map((moment) => moment - timeOrigin)));
  return { stop: () => void worker.terminate() };
}
