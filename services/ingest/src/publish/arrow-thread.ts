import { parentPort, workerData } from 'node:worker_threads';
import { type ArrowRow, arrowRows, type Refusal, refusalOf } from './arrow-rows.js';

/** What the thread is started with. */
export interface ArrowWork {
  readonly path: string;
  readonly timeColumn: string;
}

/** What it answers to each word of the other side: further rows, none, or why there are none. */
export type ArrowAnswer = { readonly rows: ArrowRow[] | undefined } | { readonly failure: Refusal };

const { path, timeColumn } = workerData as ArrowWork;
const batches = arrowRows(path, timeColumn);

parentPort?.on('message', async () => {
  const answer: ArrowAnswer = await batches.next().then(
    ({ done, value }) => ({ rows: done ? undefined : value }),
    (error: unknown) => ({ failure: refusalOf(error) }),
  );
  parentPort?.postMessage(answer);
});
