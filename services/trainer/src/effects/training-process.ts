import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { PlatformError } from '@perennial/kernel';
import {
  requestFileName,
  type TrainingAnswer,
  type TrainingRequest,
  type TrainingResult,
} from '../decide/exchange.js';
import { trainerLimits } from '../decide/limits.js';

export interface TrainingProcessOptions {
  /** The run's own folder; the model file is left there. */
  readonly folder: string;
  readonly timeoutMs: number;
  readonly heapMib: number;
  /** Aborted: the process is killed and nothing comes of it. */
  readonly signal: AbortSignal;
}

const childFile = fileURLToPath(new URL('../../dist/child.js', import.meta.url));

/**
 * Trains in a process of its own: it blocks its thread for minutes, can be killed, and takes its memory with it.
 *
 * @throws PlatformError what the training threw; TRAINING_TIMEOUT, TRAINING_PROCESS_DIED, TRAINING_STOPPED
 */
export async function trainInProcess(
  request: TrainingRequest,
  { folder, timeoutMs, heapMib, signal }: TrainingProcessOptions,
): Promise<TrainingResult> {
  await writeFile(path.join(folder, requestFileName), JSON.stringify(request));
  const { line, end } = await printed(
    folder,
    heapMib,
    AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  );
  if (signal.aborted) {
    throw new PlatformError('TRAINING_STOPPED', 'dependency', 'after', 'the training was stopped');
  }
  if (end.isKilled) {
    throw new PlatformError('TRAINING_TIMEOUT', 'caller', 'after', `the training took over ${timeoutMs} ms`);
  }
  const answer = parse(line);
  if (!answer) {
    throw new PlatformError(
      'TRAINING_PROCESS_DIED',
      'us',
      'after',
      `the training process ended with ${end.how} and no result; out of memory is the usual reason`,
      { internal: end.errorText },
    );
  }
  if (answer.ok) return answer.result;
  const { code, fault, retry, message, internal } = answer.failure;
  throw new PlatformError(code, fault, retry, message, { ...(internal !== undefined && { internal }) });
}

interface Printed {
  readonly line: string;
  readonly end: { readonly how: string; readonly errorText: string; readonly isKilled: boolean };
}

function printed(folder: string, heapMib: number, signal: AbortSignal): Promise<Printed> {
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${heapMib}`, '--enable-source-maps', childFile, folder, String(process.pid)],
    // No secrets: a training process needs files only. UTC, as everything here is.
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], TZ: 'UTC', TMPDIR: folder, MALLOC_ARENA_MAX: '2' },
    },
  );
  let isKilled = false;
  const kill = () => {
    isKilled = true;
    child.kill('SIGKILL');
  };
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill, { once: true });
  const output: Buffer[] = [];
  let outputBytes = 0;
  let errorText = '';
  child.stdout.on('data', (chunk: Buffer) => {
    outputBytes += chunk.length;
    if (outputBytes > trainerLimits.outputBytesMax) child.kill('SIGKILL');
    else output.push(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errorText = (errorText + chunk).slice(-trainerLimits.errorTextMax);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', kill);
      const how = killedBy ?? `exit code ${code}`;
      resolve({ line: Buffer.concat(output).toString('utf8'), end: { how, errorText, isKilled } });
    });
  });
}

/** The last line; libraries may print before it. */
function parse(text: string): TrainingAnswer | undefined {
  try {
    const answer = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as Partial<TrainingAnswer>;
    return typeof answer?.ok === 'boolean' ? (answer as TrainingAnswer) : undefined;
  } catch {
    return undefined;
  }
}
