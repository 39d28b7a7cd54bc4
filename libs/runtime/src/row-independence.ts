import { joinRows, splitRows } from './batch.js';
import type { Session } from './session.js';
import type { Tensor } from './tensor/tensor.js';
import { isBatchable, zeroInputs } from './zero-inputs.js';

const rows = 4;
/** Engines sum in another order for another batch size; a model that mixes rows differs by far more. */
const tolerance = 1e-3;

/**
 * Whether a row's answer is the same with other rows beside it: a model that normalises over its batch, say, must not
 * be given the rows of several callers. Tried with made-up rows, or with golden ones where it refuses those; of one that
 * runs neither nothing is known, and its requests stay by themselves.
 */
export async function isRowwise(
  session: Session,
  golden: readonly (readonly Tensor[])[] = [],
): Promise<boolean> {
  if (!isBatchable(session.inputs) || !isBatchable(session.outputs)) return false;
  const madeUp = Array.from({ length: rows }, (_, row) => madeUpRow(session, row));
  const given = golden.filter((inputs) => inputs.every(({ shape }) => shape[0] === 1)).slice(0, rows);
  return (await areAlikeTogether(session, madeUp)) ?? (await areAlikeTogether(session, given)) ?? false;
}

/** Undefined where that cannot be told. */
async function areAlikeTogether(
  session: Session,
  single: readonly (readonly Tensor[])[],
): Promise<boolean | undefined> {
  if (single.length < 2) return undefined;
  try {
    const together = splitRows(
      await session.run(joinRows(single)),
      single.map(() => 1),
    );
    for (const [row, inputs] of single.entries()) {
      const alone = await session.run(inputs);
      if (!alone.every((tensor, at) => isAlike(tensor, together[row]?.[at]))) return false;
    }
    return true;
  } catch {
    return undefined;
  }
}

/** Small whole numbers for indices, fractions for the rest; each row different. */
function madeUpRow(session: Session, row: number): Tensor[] {
  return zeroInputs(session.inputs, 1).map((tensor, input) => {
    const { datatype, data } = tensor;
    if (datatype === 'FP32' || datatype === 'FP64')
      for (let at = 0; at < data.length; at++) data[at] = ((row * 7 + input * 3 + at * 5) % 11) / 11 - 0.3;
    else if (datatype === 'INT64' || datatype === 'UINT64')
      for (let at = 0; at < data.length; at++) (data as BigInt64Array)[at] = BigInt((row + at) % 2);
    else if (datatype !== 'BYTES' && datatype !== 'FP16')
      for (let at = 0; at < data.length; at++) (data as Int32Array)[at] = (row + at) % 2;
    return tensor;
  });
}

function isAlike(a: Tensor, b: Tensor | undefined): boolean {
  if (!b || a.data.length !== b.data.length) return false;
  for (let at = 0; at < a.data.length; at++) {
    const left = a.data[at];
    const right = b.data[at];
    if (left === right) continue;
    if (typeof left !== 'number' || typeof right !== 'number') return false;
    if (Number.isNaN(left) && Number.isNaN(right)) continue;
    // FP16 is kept as its bits: the last ones may differ.
    const allowed = a.datatype === 'FP16' ? 8 : tolerance * Math.max(1, Math.abs(left), Math.abs(right));
    if (!(Math.abs(left - right) <= allowed)) return false;
  }
  return true;
}
