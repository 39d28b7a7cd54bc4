import type { Feature } from '@perennial/spec';
import { columnSql, expressionSql, type FileColumns, givesText, isTextColumn } from './segment-sql.js';

/** A feature of the row itself: a number as DOUBLE, a text as VARCHAR, a list as DOUBLE[n]. */
export function featureSql(
  feature: Exclude<Feature, { kind: 'window' | 'lookup' }>,
  columns: FileColumns,
  time: string,
): string {
  switch (feature.kind) {
    case 'column': {
      const cell = columnSql(columns, feature.column);
      return isTextColumn(columns, feature.column) ? cell : `(${cell})::double`;
    }
    case 'embedding':
      return listSql(columnSql(columns, feature.column), feature.size);
    case 'expr':
      return valueSql(columns, feature.expr, time);
  }
}

/** What an expression gives, as a number or a text. */
export function valueSql(columns: FileColumns, text: string, time: string): string {
  const sql = expressionSql(columns, text, time);
  return givesText(columns, text) ? `(${sql})::varchar` : `try_cast(${sql} as double)`;
}

/** A list of exactly `size` finite numbers, from a list or its JSON; null of anything else. */
export function listSql(cell: string, size: number): string {
  const list = `try_cast(${cell} as double[])`;
  const isWhole = `len(${list}) = ${size} and len(list_filter(${list}, x -> isfinite(x))) = ${size}`;
  return `case when ${isWhole} then ${list}::double[${size}] end`;
}
