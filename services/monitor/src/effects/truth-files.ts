import type { ArtifactStore } from '@perennial/artifacts';
import type { Digest } from '@perennial/kernel';
import { columnsOfExpression, expressionToSql, parseExpression, type System } from '@perennial/spec';
import { openTables, quoteIdentifier, type Tables } from '@perennial/tables';
import { identity, identityColumns } from '../decide/identity.js';

/** A label for a row that was asked about. */
export interface Label {
  readonly eventTime: number;
  readonly identity: string;
  readonly value: number;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Reads labels from verified segments. DuckDB is opened when the first one is to be read. */
export class TruthFiles {
  readonly #artifacts: ArtifactStore;
  readonly #memoryLimitBytes: number;
  #tables: Promise<Tables> | undefined;

  constructor(artifacts: ArtifactStore, memoryLimitBytes: number) {
    this.#artifacts = artifacts;
    this.#memoryLimitBytes = memoryLimitBytes;
  }

  /**
   * The labels of the segment within the span, for one system: from its label column, or by its expression over the
   * rows. Of several for one row the last of the segment counts. A segment without the columns holds none.
   */
  async labelsOf(system: System, digest: string, span: Span): Promise<Label[]> {
    const file = await this.#artifacts.localFile(digest as Digest);
    const tables = await this.#open();
    const schema = await tables.rows('select name from parquet_schema($file)', { file });
    const query = selectLabels(system, new Set(schema.map(({ name }) => String(name))));
    if (!query) return [];
    const rows = await tables.rows(query, { file, from: span.from, to: span.to });
    const labels = new Map<string, Label>();
    for (const row of rows) {
      const { t, y, ...columns } = row;
      if (typeof y !== 'number' || !Number.isFinite(y)) continue;
      const label = { eventTime: Number(t), identity: identity(Object.values(columns)), value: y };
      labels.set(`${label.eventTime} ${label.identity}`, label);
    }
    return [...labels.values()];
  }

  async close(): Promise<void> {
    const tables = await this.#tables?.catch(() => undefined);
    await tables?.close();
  }

  #open(): Promise<Tables> {
    this.#tables ??= openTables({ threads: 1, memoryLimitBytes: this.#memoryLimitBytes }).catch((error) => {
      this.#tables = undefined;
      throw error;
    });
    return this.#tables;
  }
}

/** Undefined where the segment has not what the system's labels are made of. */
function selectLabels(system: System, present: ReadonlySet<string>): string | undefined {
  const { time } = system.source;
  // The time column was read by ingest; whatever form it was sent in, its value is the event time.
  const column = (name: string) => (name === time ? '_p_event_time' : quoteIdentifier(name));
  const has = (name: string) => name === time || present.has(name);
  const { key, features } = identityColumns(system);
  const identifying = [...key, ...features.map((feature) => feature.column)];
  if (!key.every(has)) return undefined;
  const value = valueSql(system, has, column);
  if (value === undefined) return undefined;
  const selected = identifying.map((name, at) => `${has(name) ? column(name) : 'null'} as i${at}`);
  return `select epoch_ms(_p_event_time) as t, try_cast(${value} as double) as y${selected.map((part) => `, ${part}`).join('')}
    from read_parquet($file) where epoch_ms(_p_event_time) between $from and $to`;
}

function valueSql(
  { label }: System,
  has: (name: string) => boolean,
  column: (name: string) => string,
): string | undefined {
  if (label.expr !== undefined) {
    const expression = parseExpression(label.expr, 'label.expr');
    return columnsOfExpression(expression).every(has) ? expressionToSql(expression, column) : undefined;
  }
  const name = label.column ?? label.name;
  return has(name) ? column(name) : undefined;
}
