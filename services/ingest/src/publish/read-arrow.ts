import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { invalid } from '@perennial/kernel';
import { readRow } from '../decide/arriving-row.js';
import type { ArrowRow, Refusal } from './arrow-rows.js';
import type { ArrowAnswer, ArrowWork } from './arrow-thread.js';
import { attempt, type FileItem, type FileItems, type FileReading } from './read-rows.js';

/** Objects that the reader may make of one batch; the columns themselves lie outside of this. */
const heapMiB = 384;
/** One batch of any size that fits the memory is read within seconds. */
const answerMsMax = 30_000;
/** Tests run the sources; threads need JavaScript, which the build put into dist. */
const program = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/publish/arrow-thread.js' : './arrow-thread.js',
  import.meta.url,
);

/**
 * The rows of an Arrow IPC stream. Its reader believes the lengths that stand in a body, so it has a thread of its own, with
 * bounds of memory and time: a body that lies about them ends that thread and nothing else.
 *
 * @throws PlatformError ARROW_UNREADABLE, ROW_EVENT_TIME where no column is the event time
 */
export async function* readArrow(path: string, reading: FileReading): FileItems {
  const work: ArrowWork = { path, timeColumn: reading.timeColumn };
  const worker = new Worker(program, {
    workerData: work,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    stderr: true,
  });
  let ordinal = 0;
  try {
    for (;;) {
      const answer = await answerOf(worker);
      if ('failure' in answer) throw thrownOf(answer.failure);
      if (!answer.rows) return;
      yield answer.rows.map((row) => itemOf(row, ordinal++, reading));
    }
  } finally {
    await worker.terminate();
  }
}

async function answerOf(worker: Worker): Promise<ArrowAnswer> {
  const signal = AbortSignal.timeout(answerMsMax);
  worker.postMessage('next');
  try {
    const [answer] = (await once(worker, 'message', { signal })) as [ArrowAnswer];
    return answer;
  } catch (cause) {
    const message = 'the body is no Arrow IPC stream that can be read within bounds; send smaller batches';
    throw invalid('ARROW_UNREADABLE', message, { cause });
  }
}

function itemOf(row: ArrowRow, ordinal: number, reading: FileReading): FileItem {
  const where = `row ${ordinal + 1}`;
  if ('refusal' in row) return { where, error: thrownOf(row.refusal) };
  const bytes = Object.keys(row.values).length * 8;
  return attempt(where, bytes, () => readRow(row.values, reading.idOf(ordinal, 0, row.values), reading));
}

function thrownOf({ code, message, field }: Refusal) {
  return invalid(code, message, field === undefined ? {} : { field });
}
