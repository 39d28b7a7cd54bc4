import { runtimeLimits } from '../limits.js';
import type { Session } from '../session.js';
import type { Tensor } from '../tensor/tensor.js';
import { isBatchable } from '../zero-inputs.js';
import { compileKernel, type Kernel } from './compile.js';
import { ProbeRows } from './probe-rows.js';

type Run = Pick<Session, 'inputs' | 'run'>;
type Batch = readonly Tensor[];

/** Batches to compare: pairs, odd ends and whole vectors are computed differently in the engine. */
const batchRows = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 32, 33, 64] as const;
/** Each size so often: some 2,400 rows, 1 ms to 50 ms, and enough for the kernel to be compiled by the engine of JavaScript. */
const roundsMin = 12;
/** A model that is not through by then is not small. */
const patienceMs = 400;

/**
 * Whether the kernel answers bit for bit what the session answers: on generated rows of many batch sizes and on
 * requests that were answered before.
 */
export async function isBitEqual(
  kernel: Kernel,
  session: Run,
  golden: readonly Batch[] = [],
): Promise<boolean> {
  const until = performance.now() + patienceMs;
  const rows = new ProbeRows(session.inputs, kernel.probes);
  for (const inputs of golden) if (!(await agree(kernel, session, inputs))) return false;
  for (let round = 0; round < roundsMin; round++) {
    for (const size of batchRows) if (!(await agree(kernel, session, rows.next(size)))) return false;
    if (performance.now() > until) return false;
  }
  return true;
}

async function agree(kernel: Kernel, session: Run, inputs: Batch): Promise<boolean> {
  const wanted = await session.run(inputs);
  const answers = kernel.run(inputs);
  return (
    wanted.length === answers.length && wanted.every((tensor, at) => isSame(tensor, answers[at] as Tensor))
  );
}

/** Zeros of different signs differ; NaNs are one. */
function isSame(a: Tensor, b: Tensor): boolean {
  if (a.name !== b.name || a.datatype !== b.datatype || `${a.shape}` !== `${b.shape}`) return false;
  const values: ArrayLike<unknown> = a.data;
  const others: ArrayLike<unknown> = b.data;
  return (
    values.length === others.length && Array.from(values).every((value, at) => Object.is(value, others[at]))
  );
}

/** Batches to time; the first at which the engine is cheaper ends it. */
const timedRows = [1, 2, 4, 8, 16, 32, 64] as const;
/** Timed runs of one size, in turn with the engine's. */
const timedRuns = 9;
/** A server does other things between two runs, and finds little of the model in the caches: as much is touched here. */
const coldBytes = 2 ** 21;
const cacheLine = 64;

/** Of batches up to so many rows, as far as they were timed here and now; 0 for none. */
export interface KernelFit {
  /** The kernel is cheaper than the engine. */
  readonly kernelRowsMax: number;
  /** The kernel is over before a thread would have begun, whatever the engine takes. */
  readonly quickRowsMax: number;
}

export const noKernel: KernelFit = { kernelRowsMax: 0, quickRowsMax: 0 };

export async function measureKernel(kernel: Kernel, session: Run): Promise<KernelFit> {
  const other = new Uint8Array(coldBytes);
  const made = new ProbeRows(session.inputs, new Map());
  let { kernelRowsMax, quickRowsMax } = noKernel;
  let isCheaper = true;
  for (const rows of timedRows) {
    const inputs = made.next(rows);
    const ours: number[] = [];
    const engines: number[] = [];
    for (let run = 0; run < timedRuns; run++) {
      touch(other);
      const startedAt = performance.now();
      kernel.run(inputs);
      const endedAt = performance.now();
      touch(other);
      const againAt = performance.now();
      await session.run(inputs);
      engines.push(performance.now() - againAt);
      ours.push(endedAt - startedAt);
    }
    const tookMs = median(ours);
    isCheaper &&= tookMs < median(engines);
    const isQuick = tookMs * 1_000 < runtimeLimits.quickRunUs;
    if (isCheaper) kernelRowsMax = rows;
    if (isQuick) quickRowsMax = rows;
    if (!isCheaper && !isQuick) break;
  }
  return { kernelRowsMax, quickRowsMax };
}

function touch(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += cacheLine) bytes[at] = (bytes[at] as number) + 1;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/**
 * The session with a kernel before it for small batches, where the model is one that kernels understand, answers were
 * found equal, and it was measured to be cheaper; else the session as it is. `known` is what was found of this very file
 * before: a model that is paged in again is not compared again.
 */
export async function withKernel(
  file: Uint8Array,
  session: Session,
  golden: readonly Batch[],
  known?: KernelFit,
): Promise<Session> {
  if (known?.quickRowsMax === 0 && known.kernelRowsMax === 0) return session;
  const compiled = isBatchable(session.inputs) ? compileKernel(file) : undefined;
  if (!compiled || (known === undefined && !(await isBitEqual(compiled, session, golden)))) return session;
  const fit = known ?? (await measureKernel(compiled, session));
  const rowsMax = fit.kernelRowsMax;
  if (rowsMax === 0) return { ...session, ...fit };
  const { inputs, outputs, device } = session;
  return {
    inputs,
    outputs,
    ...fit,
    device: `${device}, own kernel up to ${rowsMax} rows`,
    run: async (given) => ((given[0]?.shape[0] ?? 0) <= rowsMax ? compiled.run(given) : session.run(given)),
    runNow: (given) =>
      (given[0]?.shape[0] ?? 0) <= rowsMax && compiled.takes(given) ? compiled.run(given) : undefined,
    release: () => session.release(),
  };
}
