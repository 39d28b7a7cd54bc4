import { quoteIdentifier, quoteText } from '@perennial/tables';
import type { KeptSeries, Series, VersionOf } from '../decide/series.js';
import { createdSql, deadSql, lookedUpSql } from './lookup-sql.js';
import { columnSql, type FileColumns, seriesSql } from './segment-sql.js';

/** Columns of ours begin so. */
const ours = '_p_';

/**
 * What is kept of some rows with their places, as `seriesSql` gives it: of windows their values; of entities the row
 * as JSON with its columns' names in lower case; of lookups each version as JSON, {v: what it gives, c: microseconds of writing, d: whether it is gone}.
 */
export function keptSql(series: KeptSeries, placed: string, columns: FileColumns): string {
  const { from, by } = series;
  if ('row' in from) return jsonSql(rowSql(columns), { by, placed, columns });
  if ('version' in from) {
    const whole = by.map((name) => `(${columnSql(columns, name)}) is not null`).join(' and ');
    return jsonSql(versionSql(from.version, columns), { by, placed, columns, where: whole });
  }
  return seriesSql(series as Series, placed, columns);
}

function jsonSql(
  json: string,
  {
    by,
    placed,
    columns,
    where = 'true',
  }: { by: readonly string[]; placed: string; columns: FileColumns; where?: string },
): string {
  const groups = by.map((name, index) => `, ${columnSql(columns, name)} as g${index}`).join('');
  return (
    `select epoch_us(_p_event_time) as us, _p_row_id as row_key, null::double as num, ${json} as val, ` +
    `_p_file as file, _p_line as line${groups} from ${placed} where ${where}`
  );
}

/** A number that JSON cannot say is missing. */
function rowSql(columns: FileColumns): string {
  const fields = [...columns]
    .filter(([name]) => !name.startsWith(ours))
    .map(([name, type]) => `${quoteText(name)}, ${saidSql(quoteIdentifier(name), type)}`);
  return fields.length === 0 ? "'{}'" : `json_object(${fields.join(', ')})::varchar`;
}

function saidSql(cell: string, type: string): string {
  return type === 'DOUBLE' || type === 'FLOAT' ? `case when isfinite(${cell}) then ${cell} end` : cell;
}

function versionSql(version: VersionOf, columns: FileColumns): string {
  const value = lookedUpSql(version, columns);
  const said = value.startsWith('try_cast') ? `case when isfinite(${value}) then ${value} end` : value;
  return `json_object('v', ${said}, 'c', ${createdSql(version, columns)}, 'd', ${deadSql(version, columns)})::varchar`;
}
