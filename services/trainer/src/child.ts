import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { asPlatformError } from '@perennial/kernel';
import { requestFileName, type TrainingAnswer, type TrainingRequest } from './decide/exchange.js';
import { runTraining } from './training/run-training.js';

/** A training process: `child.js <folder> <pid of the service>`. Prints one TrainingAnswer and ends. */

const [folder = '', parentPid = ''] = process.argv.slice(2);

const watch = new Worker(new URL('./effects/parent-watch.js', import.meta.url), {
  workerData: { parentPid: Number(parentPid) },
});
// It must not keep the process up when the training is done.
watch.unref();

async function answer(): Promise<TrainingAnswer> {
  try {
    const text = await readFile(path.join(folder, requestFileName), 'utf8');
    return { ok: true, result: await runTraining(JSON.parse(text) as TrainingRequest, folder) };
  } catch (thrown) {
    const { code, fault, retry, message, internal } = asPlatformError(thrown);
    return { ok: false, failure: { code, fault, retry, message, internal } };
  }
}

const line = `${JSON.stringify(await answer())}\n`;
// Native threads of the runtimes may linger; the answer is all there is to wait for.
process.stdout.write(line, () => process.exit(0));
