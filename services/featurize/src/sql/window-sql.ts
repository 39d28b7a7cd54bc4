import type { WindowFeature } from '@perennial/spec';
import { spanOf } from '../decide/series.js';
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

/** Values in [t - begin, t - end): integers of microseconds, so that the open end is one microsecond before. */
function spanSql(
  feature: WindowFeature,
  { events, probes, isSame }: WindowQuery,
  groups: readonly string[],
): string {
  const { beginUs, endUs } = spanOf(feature);
  const partition = groups.length ? `partition by ${groups.join(', ')} ` : '';
  const frame = `window w as (${partition}order by us range between ${beginUs} preceding and ${endUs + 1} preceding)`;
  const cut = cuts(feature.as);
  if (isSame) {
    return `select rn, ${aggregateSql(feature.as, 'w')} as v from (select *${cut} from ${events}) ${frame}`;
  }
  const columns = ['us', ...groups].join(', ');
  return (
    `select rn, ${aggregateSql(feature.as, 'w')} as v from (select *${cut} from (` +
    `select ${columns}, seq, num, val, null::bigint as rn from ${events} union all by name ` +
    `select ${columns}, rn from ${probes})) ${frame} qualify rn is not null`
  );
}

/** The last `count` values before t - end: each event knows what it and those before it give; the probe looks it up. */
function lastSql(
  feature: WindowFeature,
  count: number,
  { events, probes }: WindowQuery,
  groups: readonly string[],
): string {
  const { endUs } = spanOf(feature);
  const partition = groups.length ? `partition by ${groups.join(', ')} ` : '';
  const instant = `partition by ${['us', ...groups].join(', ')}`;
  const rolled =
    `select us, ${['true as one', ...groups].join(', ')}, ${aggregateSql(feature.as, 'w')} as v ` +
    `from (select *${cuts(feature.as)} from ${events} where val is not null) ` +
    `window w as (${partition}order by seq rows between ${count - 1} preceding and current row) ` +
    `qualify row_number() over (${instant} order by seq desc) = 1`;
  const same = ['one', ...groups].map((column) => `p.${column} = e.${column}`).join(' and ');
  const found =
    `select p.rn, e.v from (select *, true as one from ${probes}) p ` +
    `asof left join (${rolled}) e on ${same} and p.us - ${endUs} > e.us`;
  return feature.as === 'count' ? `select rn, coalesce(v, 0) as v from (${found})` : found;
}

function cuts(as: WindowFeature['as']): string {
  if (as === 'mean' || as === 'sum') return `, ${cutSql('num', 'n')}`;
  return as === 'std' ? `, ${cutSql('num', 'n')}, ${cutSql('(num * num)', 's', squareCut)}` : '';
}

/** The twin of `decide/aggregate.ts`. */
function aggregateSql(as: WindowFeature['as'], over: string): string {
  switch (as) {
    case 'count':
      return `(count(val) over ${over})::double`;
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
    case 'std': {
      const [sum, squares] = [sumSql('n', over), sumSql('s', over, squareCut.of)];
      const count = `(count(n_whole) over ${over})`;
      return `case when ${count} >= 2 then sqrt(greatest((${squares} - (${sum} * ${sum}) / ${count}) / (${count} - 1), 0)) end`;
    }
  }
}
