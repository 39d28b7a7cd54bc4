import type { JudgedRow } from '../schema/value.js';
import type { SetFinding } from './finding.js';
import { type StepHistogram, usualStep } from './step-histogram.js';

/** Rows before and after the moment. */
const rowsMin = 3;
const rowsMax = 4;
/** Steps that are exceeded once in a hundred times: the hour of the day leaps once a day. Each column jumps by more,
 * both together by so many, to where the other one was, which explains most of that. */
const eachMin = 1;
const bothMin = 4;
const unexplainedMax = 0.3;

/**
 * Columns that changed places between the last verified rows and these: each jumps to where the other one stood. Two
 * columns that stand alike cannot be told apart by that.
 */
export function swappedColumns(
  before: readonly JudgedRow[],
  rows: readonly JudgedRow[],
  steps: ReadonlyMap<string, StepHistogram>,
): SetFinding[] {
  const [last, first] = [before.slice(-rowsMax), rows.slice(0, rowsMax)];
  if (last.length < rowsMin || first.length < rowsMin) return [];
  const columns = [...steps].flatMap(([column, histogram]) => {
    const usual = usualStep(histogram, 0.99);
    const [from, to] = [levelOf(last, column), levelOf(first, column)];
    if (usual === 0 || from === undefined || to === undefined) return [];
    return Math.abs(to - from) > eachMin * usual ? [{ column, usual, from, to }] : [];
  });
  const findings: SetFinding[] = [];
  for (const [i, one] of columns.entries()) {
    for (const other of columns.slice(i + 1)) {
      const straight =
        Math.abs(one.to - one.from) / one.usual + Math.abs(other.to - other.from) / other.usual;
      const crossed = Math.abs(one.to - other.from) / other.usual + Math.abs(other.to - one.from) / one.usual;
      if (straight < bothMin || crossed > unexplainedMax * straight) continue;
      findings.push({
        rule: 'swapped',
        type: 'COLUMNS_SWAPPED',
        column: one.column,
        severity: 'warn',
        suspectedCause: `${one.column} and ${other.column} were swapped`,
        evidence: `${one.column} went from ${short(one.from)} to ${short(one.to)} where ${other.column} was ${short(other.from)}, and ${other.column} from there to ${short(other.to)}`,
        rows: rows.length,
      });
    }
  }
  return findings;
}

function levelOf(rows: readonly JudgedRow[], column: string): number | undefined {
  const values = rows
    .map((row) => row.values[column])
    .filter((value): value is number => typeof value === 'number' && Number.isFinite(value))
    .sort((a, b) => a - b);
  return values.length < rowsMin ? undefined : values[values.length >> 1];
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
