import type { Session } from './session.js';
import type { Tensor } from './tensor/tensor.js';
import type { BatchCost } from './types.js';
import { isBatchable, zeroInputs } from './zero-inputs.js';

/** Sizes that show what a call costs and what a row costs. */
const sizes = [1, 8, 32, 128] as const;
/** Timed runs of one size: the least of a few is free of what else the machine does. */
const runs = 3;
/** Larger sizes are left out once measuring took this long: a slow model is no slower to load for it. */
const patienceMs = 250;

/**
 * Warms a session up, with requests that were answered before where there are any and with zeros, and measures what
 * batches cost. A model that refuses zeros (an index out of range, say) is no worse for it: it has no costs yet.
 */
export async function measureCosts(
  session: Session,
  golden: readonly (readonly Tensor[])[],
): Promise<BatchCost[]> {
  const costs: BatchCost[] = [];
  const startedAt = performance.now();
  try {
    for (const inputs of golden) await session.run(inputs);
    for (const rows of isBatchable(session.inputs) ? sizes : [1]) {
      if (performance.now() - startedAt > patienceMs) break;
      costs.push({ rows, microseconds: await leastOf(session, zeroInputs(session.inputs, rows)) });
    }
  } catch {
    return costs;
  }
  return costs;
}

/** The first run pays for what the engine puts off until then; no caller is to pay for it. */
export async function warmUp(session: Session, golden: readonly (readonly Tensor[])[]): Promise<void> {
  // A model that refuses zeros is none the worse for it.
  await session.run(golden[0] ?? zeroInputs(session.inputs, 1)).catch(() => undefined);
}

async function leastOf(session: Session, inputs: readonly Tensor[]): Promise<number> {
  await session.run(inputs);
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    await session.run(inputs);
    least = Math.min(least, (performance.now() - startedAt) * 1000);
  }
  return least;
}
