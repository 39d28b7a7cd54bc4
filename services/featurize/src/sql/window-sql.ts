import type { WindowFeature } from '@perennial/spec';
import { us } from '../decide/window-bounds.js';
import { cutSql, squareCut, sumSql } from './exact-sql.js';

/**
 * SQL of windows. `events` is a relation of what happened: us, seq (their order, ties broken), num (finite or null),
 * val (never null; the text where the column is text), b0, b1, ... (groups as text). `probes` is a relation of who
 * asks: rn, us, b0, b1, ... Each query gives rn and v.
 */
export interface WindowQuery {
  readonly events: string;
  readonly probes: string;
  /** Whether the events are the probes: same rows, in which `seq` is `rn`, and val may be null. */
  readonly isSame: boolean;
}

/** Relations as common table expressions, to be put after `with`. */
export function windowSql(feature: WindowFeature, query: WindowQuery): string {
  const groups = feature.by.map((_, index) => `b${index}`);
  return 'last' in feature.window
    ? lastSql(feature, feature.window.last, query, groups)
    : spanSql(feature, query, groups);
}

/** Integers of microseconds, so that an open end is one microsecond before. The twin of `decide/window-bounds.ts`. */
function spanSql(
  feature: WindowFeature,
  { events, probes, isSame }: WindowQuery,
  groups: readonly string[],
): string {
  const partition = groups.length ? `partition by ${groups.join(', ')} ` : '';
  const { lo, hi } = boundsSql(feature);
  const frame = `window w as (${partition}order by us range between ${lo} preceding and ${hi} preceding)`;
  const cut = cuts(feature.as);
  if (isSame) {
    return `select rn, ${aggregateSql(feature, 'w')} as v from (select *${cut} from ${events}) ${frame}`;
  }
  const columns = ['us', ...groups].join(', ');
  return (
    `select rn, ${aggregateSql(feature, 'w')} as v from (select *${cut} from (` +
    `select ${columns}, seq, num, val, null::bigint as rn from ${events} union all by name ` +
    `select ${columns}, rn from ${probes})) ${frame} qualify rn is not null`
  );
}

/** How far before `us` the first and the last microsecond of a window lie. */
function boundsSql({ window, offsetMs, edge }: WindowFeature): { lo: string; hi: string } {
  const offsetUs = us(offsetMs);
  const shift = edge === 'inclusive' ? 1 : 0;
  if ('last' in window) throw new Error('a window that counts has no bounds');
  const durationUs = us(window.durationMs);
  if ('everyMs' in window) {
    const since = sinceStepSql(offsetUs, us(window.everyMs));
    return { lo: `(${since} + ${offsetUs + durationUs})`, hi: `(${since} + ${offsetUs + 1})` };
  }
  if ('fromEveryMs' in window) {
    const begin = offsetUs + durationUs;
    return {
      lo: `(${sinceStepSql(begin, us(window.fromEveryMs))} + ${begin})`,
      hi: String(offsetUs + 1 - shift),
    };
  }
  return { lo: String(offsetUs + durationUs - shift), hi: String(offsetUs + 1 - shift) };
}

/** Microseconds from the step at or before `us - before` to there; SQL's remainder has the sign of what is divided. */
function sinceStepSql(before: number, step: number): string {
  return `(((us - ${before}) % ${step} + ${step}) % ${step})`;
}

/** The last `count` values before t - end: each event knows what it and those before it give; the probe looks it up. */
function lastSql(
  feature: WindowFeature,
  count: number,
  { events, probes }: WindowQuery,
  groups: readonly string[],
): string {
  const endUs = us(feature.offsetMs) - (feature.edge === 'inclusive' ? 1 : 0);
  const partition = groups.length ? `partition by ${groups.join(', ')} ` : '';
  const instant = `partition by ${['us', ...groups].join(', ')}`;
  const rolled =
    `select us, ${['true as one', ...groups].join(', ')}, ${aggregateSql(feature, 'w')} as v ` +
    `from (select *${cuts(feature.as)} from ${events} where val is not null) ` +
    `window w as (${partition}order by seq rows between ${count - 1} preceding and current row) ` +
    `qualify row_number() over (${instant} order by seq desc) = 1`;
  const same = ['one', ...groups].map((column) => `p.${column} = e.${column}`).join(' and ');
  const found =
    `select p.rn, e.v from (select *, true as one from ${probes}) p ` +
    `asof left join (${rolled}) e on ${same} and p.us - (${endUs}) > e.us`;
  return feature.as === 'count' || feature.as === 'distinct'
    ? `select rn, coalesce(v, 0) as v from (${found})`
    : found;
}

function cuts(as: WindowFeature['as']): string {
  if (as === 'mean' || as === 'sum') return `, ${cutSql('num', 'n')}`;
  return as === 'std' || as === 'var' || as === 'var-pop'
    ? `, ${cutSql('num', 'n')}, ${cutSql('(num * num)', 's', squareCut)}`
    : '';
}

/** The twin of `decide/aggregate.ts`. */
function aggregateSql({ as, quantile = 0.5 }: WindowFeature, over: string): string {
  switch (as) {
    case 'count':
      return `(count(val) over ${over})::double`;
    case 'distinct':
      return `(count(distinct val) over ${over})::double`;
    case 'min':
    case 'max':
      return `${as}(num) over ${over}`;
    case 'last':
      return `arg_max(val, seq) over ${over}`;
    case 'first':
      return `arg_min(val, seq) over ${over}`;
    case 'sum':
      return sumSql('n', over);
    case 'mean':
      return `(${sumSql('n', over)} / (count(n_whole) over ${over}))`;
    case 'std':
      return `sqrt(${varianceSql(over, 1)})`;
    case 'var':
      return varianceSql(over, 1);
    case 'var-pop':
      return varianceSql(over, 0);
    case 'quantile':
      return `quantile_cont(num, ${quantile}::double) over ${over}`;
  }
}

function varianceSql(over: string, lost: 0 | 1): string {
  const [sum, squares] = [sumSql('n', over), sumSql('s', over, squareCut.of)];
  const count = `(count(n_whole) over ${over})`;
  return `case when ${count} > ${lost} then greatest((${squares} - (${sum} * ${sum}) / ${count}) / (${count} - ${lost}), 0) end`;
}
