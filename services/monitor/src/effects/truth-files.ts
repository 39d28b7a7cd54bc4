import type { ArtifactStore } from '@perennial/artifacts';
import type { Digest } from '@perennial/kernel';
import { columnsOfExpression, expressionToSql, parseExpression, type System } from '@perennial/spec';
import { type Cell, openTables, quoteIdentifier, type Tables } from '@perennial/tables';
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
    const read = system.label.expr === undefined ? readLabels : readComputed;
    const labels = new Map<string, Label>();
    for (const label of await read(
      system,
      (sql) => tables.rows(sql, { file, ...span }),
      () => columnsIn(tables, file),
    )) {
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

type Query = (sql: string) => Promise<Record<string, Cell>[]>;

const inSpan = 'from read_parquet($file) where epoch_ms(_p_event_time) between $from and $to';

/** Segments of labels are narrow: one query for all columns is quicker than asking first which there are. */
async function readLabels({ label, source }: System, query: Query): Promise<Label[]> {
  const rows = await query(`select * ${inSpan}`);
  const column = label.column ?? label.name;
  return rows.flatMap((row) => {
    const value = numberOf(row[column]);
    const key = source.key.map((name) => row[name]);
    if (value === undefined || key.includes(undefined)) return [];
    return [{ eventTime: Number(row['_p_event_time']), identity: identity(key as Cell[]), value }];
  });
}

/** Rows may be wide, so only what is needed is read. A segment without the columns holds no labels. */
async function readComputed(
  system: System,
  query: Query,
  columns: () => Promise<ReadonlySet<string>>,
): Promise<Label[]> {
  const present = await columns();
  const { time } = system.source;
  // The time column was read by ingest; whatever form it was sent in, its value is the event time.
  const column = (name: string) => (name === time ? '_p_event_time' : quoteIdentifier(name));
  const has = (name: string) => name === time || present.has(name);
  const expression = parseExpression(system.label.expr ?? '', 'label.expr');
  const { key, features } = identityColumns(system);
  if (![...key, ...columnsOfExpression(expression)].every(has)) return [];
  const identifying = [...key, ...features.map((feature) => feature.column)];
  const selected = identifying.map((name, at) => `, ${has(name) ? column(name) : 'null'} as i${at}`).join('');
  const rows = await query(
    `select _p_event_time as t, try_cast(${expressionToSql(expression, column)} as double) as y${selected} ${inSpan}`,
  );
  return rows.flatMap(({ t, y, ...cells }) =>
    typeof y === 'number' && Number.isFinite(y)
      ? [{ eventTime: Number(t), identity: identity(Object.values(cells)), value: y }]
      : [],
  );
}

async function columnsIn(tables: Tables, file: string): Promise<ReadonlySet<string>> {
  const schema = await tables.rows('select name from parquet_schema($file)', { file });
  return new Set(schema.map(({ name }) => String(name)));
}

function numberOf(value: Cell | undefined): number | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}
