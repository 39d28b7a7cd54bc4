import type { System } from '@perennial/spec';
import { quoteIdentifier, type Tables } from '@perennial/tables';
import type { Runs } from './decide/find-leaks.js';
import type { Sample, SampleColumn } from './decide/leak.js';

/** Cells that are looked at; with many features fewer rows. */
const cellsMax = 1_500_000;
const rowsMax = 5_000;
/** Newest rows in a row, for what stands before and after. */
const runRowsMax = 3_000;

export interface Samples {
  readonly sample: Sample;
  readonly runs: Runs;
}

/**
 * Samples of a relation of labelled rows (_p_row_id, _p_event_time, features, label): the same rows give the same
 * sample. `entities` is a relation of _p_row_id and `entity`, a text; undefined where all rows are one's.
 */
export async function readSamples(
  tables: Tables,
  { relation, system, entities }: { relation: string; system: System; entities?: string | undefined },
): Promise<Samples> {
  const { label } = system;
  const asked = system.features.filter(isSeenByLabel).map(({ name }) => name);
  const types = await typesOf(tables, relation);
  const columns = asked.flatMap((name) => {
    const kind = kindOf(types.get(name.toLowerCase()));
    return kind ? [{ name, kind }] : [];
  });
  const rows = Math.max(1, Math.min(rowsMax, Math.floor(cellsMax / (columns.length + 1))));
  const cells = [
    'epoch_us(_p_event_time)::double as _p_us',
    `${quoteIdentifier(label.name)}::double as _p_label`,
    ...columns.map(({ name, kind }, at) =>
      kind === 'number'
        ? `${quoteIdentifier(name)}::double as c${at}`
        : `${quoteIdentifier(name)}::varchar as c${at}`,
    ),
  ].join(', ');
  const sampled = await tables.rows(
    `select ${cells} from ${relation} order by hash(_p_row_id), _p_row_id limit ${rows}`,
  );
  const newest = `select * from ${relation} order by _p_event_time desc, _p_row_id desc limit ${Math.min(rows, runRowsMax)}`;
  const told =
    entities === undefined
      ? `select *, 0 as _p_entity from (${newest})`
      : `select n.*, dense_rank() over (order by e.entity)::integer as _p_entity from (${newest}) n left join ${entities} e on e._p_row_id = n._p_row_id`;
  const running = await tables.rows(
    `select ${cells}, _p_entity from (${told}) order by _p_entity, _p_event_time, _p_row_id`,
  );
  const numbers = (all: typeof sampled, name: string) =>
    Float64Array.from(all, (row) =>
      row[name] === null || row[name] === undefined ? Number.NaN : Number(row[name]),
    );
  const columnsOf = (all: typeof sampled): SampleColumn[] =>
    columns.map(({ name, kind }, at) =>
      kind === 'number'
        ? { name, kind, values: numbers(all, `c${at}`) }
        : { name, kind, values: all.map((row) => (row[`c${at}`] as string | null) ?? null) },
    );
  return {
    sample: {
      label: { name: label.name, task: label.task },
      labels: numbers(sampled, '_p_label'),
      timesUs: numbers(sampled, '_p_us'),
      columns: columnsOf(sampled),
    },
    runs: {
      labels: numbers(running, '_p_label'),
      timesUs: numbers(running, '_p_us'),
      entities: Int32Array.from(running, (row) => Number(row['_p_entity'])),
      columns: columnsOf(running),
    },
  };
}

/** Windows end before their row: they hold nothing that is not known by then. */
function isSeenByLabel({ kind }: System['features'][number]): boolean {
  return kind !== 'window';
}

async function typesOf(tables: Tables, relation: string): Promise<Map<string, string>> {
  const rows = await tables.rows(`describe select * from ${relation}`);
  return new Map(rows.map((row) => [String(row['column_name']).toLowerCase(), String(row['column_type'])]));
}

/** Lists and other things that are no single value are not compared with a label. */
function kindOf(type: string | undefined): SampleColumn['kind'] | undefined {
  if (type === undefined || type.endsWith(']')) return undefined;
  if (
    /^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|DOUBLE|BOOLEAN|DECIMAL.*)$/.test(
      type,
    )
  )
    return 'number';
  return /^(VARCHAR|TIMESTAMP.*|DATE)$/.test(type) ? 'text' : undefined;
}
