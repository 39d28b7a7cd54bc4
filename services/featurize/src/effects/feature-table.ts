import {
  columnsOfExpression,
  type Feature,
  type LookupFeature,
  parseExpression,
  type System,
} from '@perennial/spec';
import { quoteIdentifier, type Tables } from '@perennial/tables';
import { seriesOf } from '../decide/series.js';
import { featureSql } from '../sql/feature-sql.js';
import { lookupSql, versionsSql } from '../sql/lookup-sql.js';
import {
  cellsOf,
  columnSql,
  columnsOfFiles,
  eventsSql,
  expressionSql,
  type FileColumns,
  filesSql,
  groupSql,
  numberSql,
  placedSql,
  rowKeySql,
} from '../sql/segment-sql.js';
import { windowSql } from '../sql/window-sql.js';

/** Verified segments of a source as local files, in their order. */
export interface SegmentPaths {
  readonly rows: readonly string[];
  readonly labels: readonly string[];
  /** Rows of the sources that lookups name, by source; none where it has none. */
  readonly lookups?: Readonly<Record<string, readonly string[]>>;
}

/** What `buildFeatureTable` left in the temporary table `made`. */
export interface FeatureTable {
  readonly rows: number;
  /** Columns that features name and no row has. */
  readonly absent: readonly string[];
}

/**
 * Computes all features of all rows into the temporary table `made` of a connection of its own: _p_row_id,
 * _p_event_time, the features, the label (null where none is known). Every row sees what had happened before it, as
 * its windows say, and nothing later. Bounded by DuckDB's memory limit, whatever the number of rows.
 */
export async function buildFeatureTable(
  tables: Tables,
  system: System,
  paths: SegmentPaths,
): Promise<FeatureTable> {
  const columns = await columnsOfFiles(tables, paths.rows);
  const labelColumns = await columnsOfFiles(tables, paths.labels);
  const named = columnsNamed(system);
  if (paths.labels.length > 0) {
    await tables.run(`create temp table label_rows as from ${placedSql(paths.labels, labelColumns)}`);
  }
  await tables.run(`create temp table base as ${baseSql(paths.rows, columns, [...named.all])}`);
  const files = { paths, columns, labelColumns };
  const joins: string[] = [];
  const features: string[] = [];
  for (const [index, feature] of system.features.entries()) {
    let sql: string;
    if (feature.kind === 'window' || feature.kind === 'lookup') {
      const made =
        feature.kind === 'window'
          ? windowTableSql(system, feature, files)
          : await lookupTableSql(tables, feature, files);
      await tables.run(`create temp table f${index} as ${made}`);
      joins.push(`left join f${index} on f${index}.rn = base._p_rn`);
      sql = `f${index}.v`;
    } else sql = featureSql(feature, columns, system.source.time);
    features.push(`${sql} as ${quoteIdentifier(feature.name)}`);
  }
  const label = await labelSql(tables, system, files);
  await tables.run(
    `create temp table made as select _p_row_id, _p_event_time, ${features.join(', ')}, ` +
      `${label.sql} as ${quoteIdentifier(system.label.name)} from base ${[...joins, label.join].join(' ')}`,
  );
  const [counted] = await tables.rows('select count(*)::double as n from made');
  const absent = named.ofFeatures.filter((name) => !columns.has(name.toLowerCase()));
  return { rows: Number(counted?.['n'] ?? 0), absent };
}

interface Files {
  readonly paths: SegmentPaths;
  readonly columns: FileColumns;
  readonly labelColumns: FileColumns;
}

function baseSql(files: readonly string[], columns: FileColumns, named: readonly string[]): string {
  const there = [...new Map(named.map((name) => [name.toLowerCase(), name])).values()].filter((name) =>
    columns.has(name.toLowerCase()),
  );
  if (files.length === 0) {
    return 'select null::varchar as _p_row_id, null::timestamp as _p_event_time, null::bigint as _p_us, null::bigint as _p_rn where false';
  }
  const cells = ['_p_row_id', '_p_event_time', ...there.map(quoteIdentifier)].join(', ');
  return (
    `select ${cells}, epoch_us(_p_event_time) as _p_us, ` +
    `row_number() over (order by _p_event_time, _p_row_id) as _p_rn from ${filesSql(files)}`
  );
}

function windowTableSql(
  system: System,
  feature: Extract<Feature, { kind: 'window' }>,
  { paths, columns, labelColumns }: Files,
): string {
  const series = seriesOf(system, feature);
  if (series.kind === 'rows') {
    const { number, value, groups } = cellsOf(series, columns);
    const b = groups.map((group, index) => `, ${groupSql(group)} as b${index}`).join('');
    const events = `(select _p_rn as rn, _p_rn as seq, _p_us as us, ${number} as num, ${value} as val${b} from base)`;
    return windowSql(feature, { events, probes: events });
  }
  const b = feature.by.map((name, index) => `, ${groupSql(columnSql(columns, name))} as b${index}`).join('');
  if (paths.labels.length === 0) {
    const nothing = feature.as === 'count' || feature.as === 'distinct' ? '0::double' : 'null::double';
    return `select _p_rn as rn, ${nothing} as v from base`;
  }
  return windowSql(feature, {
    events: `(${eventsSql(series, 'label_rows', labelColumns)})`,
    probes: `(select _p_rn as rn, _p_us as us${b} from base)`,
  });
}

async function lookupTableSql(
  tables: Tables,
  feature: LookupFeature,
  { paths, columns }: Files,
): Promise<string> {
  const files = paths.lookups?.[feature.source] ?? [];
  if (files.length === 0) return 'select null::bigint as rn, null::double as v where false';
  const theirs = await columnsOfFiles(tables, files);
  const keys = feature.on
    .map(({ equals }, index) => `, ${groupSql(columnSql(columns, equals))} as k${index}`)
    .join('');
  const probes = `(select _p_rn as rn, _p_us as us${keys} from base)`;
  return lookupSql(feature, versionsSql(feature, placedSql(files, theirs), theirs), probes);
}

/** The label's value beside a row, and the join that brings it. */
async function labelSql(
  tables: Tables,
  { label, source }: System,
  { paths, columns, labelColumns }: Files,
): Promise<{ sql: string; join: string }> {
  if (label.expr !== undefined) {
    return { sql: numberSql(expressionSql(columns, label.expr, source.time)), join: '' };
  }
  if (paths.labels.length === 0 || label.column === undefined) return { sql: 'null::double', join: '' };
  const arrived = { kind: 'labels' as const, key: source.key };
  const value = numberSql(columnSql(labelColumns, label.column));
  await tables.run(
    `create temp table arrived as select epoch_us(_p_event_time) as us, ${rowKeySql(arrived, labelColumns)} as row_key, ` +
      `${value} as value from label_rows where value is not null ` +
      'qualify row_number() over (partition by us, row_key order by _p_file desc, _p_line desc) = 1',
  );
  return {
    sql: 'arrived.value',
    join: `left join arrived on arrived.us = base._p_us and arrived.row_key = ${rowKeySql(arrived, columns)}`,
  };
}

/** Columns of the rows that a system reads. */
function columnsNamed({ features, label, source }: System): { all: Set<string>; ofFeatures: string[] } {
  const ofExpression = (text: string) =>
    columnsOfExpression(parseExpression(text, 'expr')).filter((name) => name !== source.time);
  const ofFeature = (feature: Feature): string[] => {
    switch (feature.kind) {
      case 'column':
      case 'embedding':
        return [feature.column];
      case 'expr':
        return ofExpression(feature.expr);
      case 'lookup':
        return feature.on.map(({ equals }) => equals);
      case 'window': {
        const { from, by } = feature;
        if (typeof from === 'object') return [...ofExpression(from.expr), ...by];
        return from === label.name || from === label.column ? by : [from, ...by];
      }
    }
  };
  const ofLabel = label.expr === undefined ? [] : ofExpression(label.expr);
  const ofFeatures = [...new Set(features.flatMap(ofFeature))];
  return { all: new Set([...ofFeatures, ...ofLabel, ...source.key]), ofFeatures };
}
