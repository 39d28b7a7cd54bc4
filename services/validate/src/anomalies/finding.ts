import type { Severity } from '@perennial/spec';
import type { Gap, HeldReason } from '../causes/findings.js';
import type { AnomalyType } from './types.js';

/** Something odd about a set of rows, before it is said of which segment. */
export interface SetFinding {
  readonly rule: string;
  readonly type: AnomalyType;
  readonly column: string;
  readonly severity: Severity;
  readonly suspectedCause: string;
  /** In plain words, with the numbers. */
  readonly evidence: string;
  /** Rows that it concerns. */
  readonly rows: number;
  readonly gaps?: readonly Gap[];
  /** Ms since the epoch, of the first row that shows it, where one does. */
  readonly firstEventTime?: number;
}

/** As a reason to hold rows, or to tell. A set has no row to be put aside: what would hold a row holds all of them. */
export function reasonOfSet(
  finding: SetFinding,
  first: { firstRowId: string; firstEventTime: number },
): HeldReason {
  return {
    relation: '',
    suggestedExpression: '',
    ...finding,
    severity: finding.severity === 'warn' ? 'warn' : 'hold',
    ...first,
  };
}

export function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}

export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

export function listed(values: readonly (string | number | boolean)[]): string {
  const shown = values.slice(0, 5).map((value) => JSON.stringify(value));
  return values.length > 5 ? `${shown.join(', ')} and ${values.length - 5} more` : shown.join(', ');
}
