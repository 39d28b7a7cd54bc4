import type { LookupFeature } from '@perennial/spec';
import { listSql, valueSql } from './feature-sql.js';
import { columnSql, expressionSql, type FileColumns, groupSql, isTextColumn } from './segment-sql.js';

/** The column of arrival is ours; segments of before it was kept are without it. */
const arrivedColumn = '_p_arrived_at';

/**
 * Versions of what is looked up, from the placed rows of its source: k0, k1, ... (the key as text), us, created_us, val,
 * dead, and file and line, which say where each stands. Rows without a whole key are none's.
 */
export function versionsSql(feature: LookupFeature, placed: string, columns: FileColumns): string {
  const keys = feature.on.map(({ column }) => columnSql(columns, column));
  const named = keys.map((cell, index) => `, ${groupSql(cell)} as k${index}`).join('');
  const whole = keys.map((cell) => `(${cell}) is not null`).join(' and ');
  return (
    `select epoch_us(_p_event_time) as us, ${createdSql(feature, columns)} as created_us, ` +
    `${lookedUpSql(feature, columns)} as val, ${deadSql(feature, columns)} as dead, _p_file as file, _p_line as line${named} ` +
    `from ${placed} where ${whole}`
  );
}

/** Whether a version says that the thing is gone. */
export function deadSql({ deleted }: Pick<LookupFeature, 'deleted'>, columns: FileColumns): string {
  return deleted === undefined
    ? 'false'
    : `coalesce(try_cast(${expressionSql(columns, deleted, '')} as boolean), false)`;
}

/** Microseconds at which a version was written, or null. */
export function createdSql({ created }: Pick<LookupFeature, 'created'>, columns: FileColumns): string {
  if (created === undefined) return 'null::bigint';
  const written = `epoch_us(try_cast(${columnSql(columns, created)} as timestamp))`;
  // What arrived before arrivals were kept is taken as known from its event time on.
  return created === arrivedColumn ? `coalesce(${written}, epoch_us(_p_event_time))` : written;
}

/** What a version gives: a number, a text or a list. */
export function lookedUpSql(
  { from, size }: Pick<LookupFeature, 'from' | 'size'>,
  columns: FileColumns,
): string {
  if (typeof from === 'object') return valueSql(columns, from.expr, '');
  const cell = columnSql(columns, from);
  if (size !== undefined) return listSql(cell, size);
  return isTextColumn(columns, from) ? cell : `try_cast(${cell} as double)`;
}

/**
 * What is looked up for whoever asks: rn and v. `versions` is a relation as `versionsSql` gives it, `probes` one of rn,
 * us, k0, k1, ... A version is seen from the later of its event time and its time of writing on; of those seen the one
 * that is greatest by event time, time of writing and place wins. The twin of `decide/lookup.ts`.
 */
export function lookupSql(feature: LookupFeature, versions: string, probes: string): string {
  const keys = feature.on.map((_, index) => `k${index}`);
  const names = keys.join(', ');
  const isCut = feature.created !== undefined && feature.cutoff !== 'none';
  const begins = feature.edge === 'exclusive' ? 'us + 1' : 'us';
  const order = 'us, created_us nulls first, file, line';
  const ordered =
    `select *, ${isCut ? `greatest(${begins}, created_us)` : begins} as seen_us, row_number() over (order by ${order}) as seq ` +
    `from (${versions})${isCut ? ' where created_us is not null' : ''}`;
  // After each moment the greatest of all seen so far; of one moment the last line says it.
  const states =
    `select ${names}, seen_us, max(seq) over (partition by ${names} order by seen_us, seq rows unbounded preceding) as winner ` +
    `from ordered qualify row_number() over (partition by ${names}, seen_us order by seq desc) = 1`;
  const same = keys.map((key) => `p.${key} = s.${key}`).join(' and ');
  const young =
    feature.ttlMs === undefined ? '' : ` and found.us - o.us <= ${Math.round(feature.ttlMs * 1_000)}`;
  return (
    `with ordered as materialized (${ordered}), states as (${states}), ` +
    `found as (select p.rn, p.us, s.winner from ${probes} p asof left join states s on ${same} and p.us >= s.seen_us) ` +
    `select found.rn, case when not o.dead${young} then o.val end as v ` +
    'from found left join ordered o on o.seq = found.winner'
  );
}
