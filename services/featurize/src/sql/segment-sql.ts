import { expressionToSql, parseExpression } from '@perennial/spec';
import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import type { Series } from '../decide/series.js';

/** Columns of a set of segment files by lower-case name, with DuckDB's types. */
export type FileColumns = ReadonlyMap<string, string>;

/** `read_parquet` over files of one kind; columns are brought together by name. */
export function filesSql(files: readonly string[]): string {
  return `read_parquet([${files.map(quoteText).join(', ')}], union_by_name = true)`;
}

/** The rows of files, each with its place: `_p_file`, counted from 0 in the order given, and `_p_line` in that file. */
export function placedSql(files: readonly string[], columns: FileColumns): string {
  // A sender may have a column that is called as DuckDB calls these; rows then are numbered as they are read.
  const isTaken = ['file_index', 'file_row_number'].some((name) => columns.has(name));
  const place = isTaken
    ? '0 as _p_file, row_number() over () as _p_line'
    : 'file_index as _p_file, file_row_number as _p_line';
  return `(select *, ${place} from ${filesSql(files)})`;
}

export async function columnsOfFiles(tables: Tables, files: readonly string[]): Promise<FileColumns> {
  if (files.length === 0) return new Map();
  const rows = await tables.rows(`describe select * from ${filesSql(files)}`);
  return new Map(rows.map((row) => [String(row['column_name']).toLowerCase(), String(row['column_type'])]));
}

/** A sender's column, or null where no file has it. */
export function columnSql(columns: FileColumns, name: string): string {
  return columns.has(name.toLowerCase()) ? quoteIdentifier(name) : 'null';
}

export function isTextColumn(columns: FileColumns, name: string): boolean {
  return columns.get(name.toLowerCase()) === 'VARCHAR';
}

/** An expression over a segment's columns; the source's time column stands for the event time. */
export function expressionSql(columns: FileColumns, text: string, time: string): string {
  return expressionToSql(parseExpression(text, 'expr'), (name) =>
    name === time ? '_p_event_time' : columnSql(columns, name),
  );
}

/** Whether an expression gives texts for rows with these columns. */
export function givesText(columns: FileColumns, text: string): boolean {
  const { type, root } = parseExpression(text, 'expr');
  return type === 'text' || (root.kind === 'column' && isTextColumn(columns, root.name));
}

/** A group's column as text that tells null from nothing, so that equal means equal. */
export function groupSql(cell: string): string {
  return `coalesce('v' || (${cell})::varchar, '')`;
}

/** A finite number, or null; of the two zeros the positive one. */
export function numberSql(cell: string): string {
  return `case when isfinite(try_cast(${cell} as double)) then try_cast(${cell} as double) + 0 end`;
}

/** Longer names of rows are kept as their digest; the twin of the bound in `decide/series.ts`. */
const rowKeyCharactersMax = 200;

/** The key of a label as one text; rows are told apart by their id. */
export function rowKeySql({ kind, key }: Pick<Series, 'kind' | 'key'>, columns: FileColumns): string {
  if (kind === 'rows') return '_p_row_id';
  const cells = key.map((name) => `(${columnSql(columns, name)})::varchar`);
  const json = `to_json([${cells.length ? cells.join(', ') : ''}]::varchar[])::varchar`;
  return `case when length(${json}) > ${rowKeyCharactersMax} then sha256(${json}) else ${json} end`;
}

/** A series' cells over a relation with a segment's columns: number, value, and the group's columns as they are. */
export function cellsOf({ from, by, time }: Series, columns: FileColumns) {
  const cell = 'column' in from ? columnSql(columns, from.column) : expressionSql(columns, from.expr, time);
  const isText = 'column' in from ? isTextColumn(columns, from.column) : givesText(columns, from.expr);
  const number = numberSql(cell);
  return { number, value: isText ? cell : number, groups: by.map((name) => columnSql(columns, name)) };
}

/**
 * What a series holds of some rows with their places: us, row_key, num, val, and the group's columns as `g0, g1, ...` as they are. Of
 * labels for one target only the latest: `file` and `line` say where it stands.
 */
export function seriesSql(series: Series, placed: string, columns: FileColumns): string {
  const { number, value, groups } = cellsOf(series, columns);
  const values =
    `select epoch_us(_p_event_time) as us, ${rowKeySql(series, columns)} as row_key, ${number} as num, ` +
    `${value} as val, _p_file as file, _p_line as line` +
    `${groups.map((group, index) => `, ${group} as g${index}`).join('')} from ${placed}`;
  const known = `select * from (${values}) where val is not null`;
  if (series.kind === 'rows') return known;
  return `${known} qualify row_number() over (partition by us, row_key order by file desc, line desc) = 1`;
}

/** The same as `events` for windows. */
export function eventsSql(series: Series, placed: string, columns: FileColumns): string {
  const groups = series.by.map((_, index) => `, ${groupSql(`g${index}`)} as b${index}`).join('');
  return (
    `select us, row_number() over (order by us, row_key) as seq, num, val${groups} ` +
    `from (${seriesSql(series, placed, columns)})`
  );
}
