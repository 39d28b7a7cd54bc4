import { partsOf } from './parts.js';
import type { DatasetFile, Segment } from './store.js';

export interface CompactionRule {
  /** Fewer neighbouring files than this stay as they are. */
  readonly filesMin: number;
  /** Rows of one file at most. */
  readonly rowsMax: number;
}

/** Neighbouring files that become one: their segments in recorded order. */
export interface Run {
  readonly digests: readonly string[];
  readonly segments: readonly Segment[];
  readonly rows: number;
}

/** Files read at once: each is an open file. */
const filesMax = 1_000;
/** Files are merged with files of their size first, so that a row is written again a few times only. */
const sizeStep = 32;

interface Unit {
  readonly digest: string;
  readonly segments: readonly Segment[];
  readonly rows: number;
  readonly columns: string | undefined;
}

/**
 * Which neighbours in recorded order become one file: of equal columns, whole, and small. The smallest files that are
 * many enough go first.
 */
export function compactionPlan(
  segments: readonly Segment[],
  files: ReadonlyMap<string, DatasetFile>,
  { filesMin, rowsMax }: CompactionRule,
): Run[] {
  const units = unitsOf(segments, files);
  for (let rows = sizeStep; ; rows *= sizeStep) {
    const unitRowsMax = Math.min(rows, rowsMax / 2);
    const runs = runsOf(units, { unitRowsMax, rowsMax }).filter(({ digests }) => digests.length >= filesMin);
    if (runs.length > 0 || rows >= rowsMax) return runs;
  }
}

/** Whole files that stand in one place of the order, each with its segments; others are a unit without columns. */
function unitsOf(segments: readonly Segment[], files: ReadonlyMap<string, DatasetFile>): Unit[] {
  const parts = partsOf(segments, files);
  const times = new Map<string, number>();
  for (const { digest } of parts) times.set(digest, (times.get(digest) ?? 0) + 1);
  const held = segments.filter(({ rows }) => rows > 0);
  let at = 0;
  return parts.map(({ digest, rows, isWhole }) => {
    const begin = at;
    for (let left = rows; left > 0; at++) left -= held[at]?.rows ?? left;
    const isAlone = isWhole && times.get(digest) === 1;
    const columns = isAlone ? files.get(digest)?.columns : undefined;
    return { digest, segments: held.slice(begin, at), rows, columns };
  });
}

function runsOf(units: readonly Unit[], max: { unitRowsMax: number; rowsMax: number }): Run[] {
  const runs: Run[] = [];
  let open: Unit[] = [];
  let rows = 0;
  const close = () => {
    if (open.length > 1) {
      runs.push({
        digests: open.map(({ digest }) => digest),
        segments: open.flatMap((unit) => unit.segments),
        rows,
      });
    }
    open = [];
    rows = 0;
  };
  for (const unit of units) {
    const fits = unit.columns !== undefined && unit.rows <= max.unitRowsMax;
    const isLike = open.length === 0 || open[0]?.columns === unit.columns;
    if (!fits || !isLike || rows + unit.rows > max.rowsMax || open.length === filesMax) close();
    if (!fits) continue;
    open.push(unit);
    rows += unit.rows;
  }
  close();
  return runs;
}
