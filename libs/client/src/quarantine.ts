import type { Perennial } from './client.js';

/** Why rows were held, or what is odd about them. */
export interface Finding {
  rule: string;
  /** For example FLOAT_TYPE_BIG_FLOAT; docs/anomalies.md lists them. */
  type: string;
  severity: 'quarantine' | 'hold' | 'warn';
  column: string;
  producer: string;
  suspected_cause: string;
  evidence: string;
  first_row_id: string;
  first_event_time: string;
  rows: number;
  suggested_expression: string;
  /** Rows that should be there, for gaps. */
  gaps: { from: string; to: string; rows: number }[];
}

export interface Anomaly {
  anomaly_id: string;
  source: string;
  kind: string;
  segment_id: string;
  finding: Finding;
  found_at: string;
}

/** Held rows of one segment. */
export interface QuarantineEntry {
  quarantine_id: string;
  source: string;
  kind: string;
  producer: string;
  rows: number;
  status: 'held' | 'repaired' | 'released' | 'discarded';
  event_time_min: string;
  event_time_max: string;
  findings: Finding[];
  repair_id: string;
}

/** One entry, or all that is held of a source (and producer). */
export type WhichHeld = { id: string } | { source: string; producer?: string };

/** Rows that were held back, and what is odd about those that were not. */
export class Quarantine {
  readonly #platform: Perennial;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  async list({
    source = '',
    all = false,
  }: {
    source?: string;
    all?: boolean;
  } = {}): Promise<QuarantineEntry[]> {
    const query = queryOf({ source, include_repaired: String(all) });
    return (await this.#platform.call<{ entries: QuarantineEntry[] }>('GET', `/v1/quarantine${query}`))
      .entries;
  }

  /** One entry with at most a hundred of its rows. */
  show(id: string): Promise<{ entry: QuarantineEntry; rows: Record<string, unknown>[] }> {
    return this.#platform.call('GET', `/v1/quarantine/${encodeURIComponent(id)}`);
  }

  /** Computes one column of held rows anew, verifies them again and lets the good ones through. */
  repair(
    which: WhichHeld,
    { column, expression, by }: { column: string; expression: string; by?: string },
  ): Promise<{
    repair_id: string;
    entries: number;
    rows_repaired: number;
    rows_still_held: number;
    findings: Finding[];
  }> {
    return this.#decide('repair', which, { column, expression, repaired_by: by });
  }

  /** Verifies held rows again as they came, for example after the schema changed. */
  revalidate(
    which: WhichHeld,
    { by }: { by?: string } = {},
  ): Promise<{
    repair_id: string;
    entries: number;
    rows_verified: number;
    rows_still_held: number;
    findings: Finding[];
  }> {
    return this.#decide('revalidate', which, { revalidated_by: by });
  }

  /** Lets held rows through as they are. */
  release(
    which: WhichHeld,
    { reason, by }: { reason: string; by?: string },
  ): Promise<{ repair_id: string; entries: number; rows_released: number; rows_still_held: number }> {
    return this.#decide('release', which, { reason, released_by: by });
  }

  /** Gives held rows up; they never come back. */
  discard(
    which: WhichHeld,
    { reason, by }: { reason: string; by?: string },
  ): Promise<{ discard_id: string; entries: number; rows: number }> {
    return this.#decide('discard', which, { reason, discarded_by: by });
  }

  /** What was found odd, newest first; `before` is the id of the last one of the page before. */
  async anomalies(
    source: string,
    asked: { kind?: 'rows' | 'labels'; type?: string; limit?: number; before?: string } = {},
  ): Promise<Anomaly[]> {
    const path = `/v1/sources/${encodeURIComponent(source)}/anomalies${queryOf(asked)}`;
    return (await this.#platform.call<{ anomalies: Anomaly[] }>('GET', path)).anomalies;
  }

  /** What the schema in force says of rows, which are not recorded. */
  check(
    source: string,
    rows: readonly Record<string, unknown>[],
    { kind, environment }: { kind?: 'rows' | 'labels'; environment?: 'training' | 'serving' } = {},
  ): Promise<{ schema_version: number; rows_checked: number; rows_held: number; findings: Finding[] }> {
    const path = `/v1/sources/${encodeURIComponent(source)}/check${queryOf({ kind })}`;
    return this.#platform.call('POST', path, { json: { rows, environment }, isRepeatable: true });
  }

  #decide<T>(action: string, which: WhichHeld, rest: Record<string, string | undefined>): Promise<T> {
    const held =
      'id' in which ? { quarantine_id: which.id } : { source: which.source, producer: which.producer };
    return this.#platform.call('POST', `/v1/quarantine/${action}`, { json: { ...held, ...rest } });
  }
}

function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return text && `?${text}`;
}
