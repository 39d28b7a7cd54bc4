import type { WindowFeature } from '@perennial/spec';
import { us } from '../decide/window-bounds.js';
import { cuts, differenceSql, overSql, summed } from './aggregate-sql.js';

/**
 * SQL of windows. `events` is a relation of what happened: us, seq (their order, ties broken), num (finite or null),
 * val (null or what is there; the text where the column is text), b0, b1, ... (groups as text). `probes` is a relation
 * of who asks: rn, us, b0, b1, ... Each query gives rn and v.
 */
export interface WindowQuery {
  readonly events: string;
  readonly probes: string;
}

/**
 * A window is cut out of its group by looking its two ends up (ASOF), and never by frames of a range: those search the
 * whole group for each row, which takes a minute for three million rows of one group.
 */
export function windowSql(feature: WindowFeature, query: WindowQuery): string {
  const groups = feature.by.map((_, index) => `b${index}`);
  if ('last' in feature.window) return lastSql(feature, feature.window.last, query, groups);
  if (feature.as === 'last' || feature.as === 'first') return endSql(feature, feature.as, query, groups);
  return summed.has(feature.as) ? sumsSql(feature, query, groups) : framesSql(feature, query, groups);
}

/** From running sums of whole numbers: those at the end less those at the begin, which loses nothing. */
function sumsSql(feature: WindowFeature, { events, probes }: WindowQuery, groups: readonly string[]): string {
  const names = ['n', ...cuts(feature.as).names];
  const instants =
    `select ${['us', ...groups].join(', ')}, count(val) as n${cuts(feature.as).totals} ` +
    `from (select *${cuts(feature.as).sql} from ${events}) where val is not null group by all`;
  const running = names
    .map(
      (name) => `sum(${name}) over (${partitionBy(groups)}order by us rows unbounded preceding) as ${name}`,
    )
    .join(', ');
  const until = `select true as one, ${['us', ...groups].join(', ')}, ${running} from (${instants})`;
  const difference = names
    .map((name) => `coalesce(h.${name}, 0) - coalesce(l.${name}, 0) as ${name}`)
    .join(', ');
  return (
    `with until as materialized (${until}), asked as (select *, true as one, ${boundsSql(feature)} from ${probes}), ` +
    `sums as (select p.rn, ${difference} from asked p ` +
    `asof left join until h on ${same('h', groups)} and p.hi > h.us ` +
    `asof left join until l on ${same('l', groups)} and p.lo > l.us) ` +
    `select rn, ${differenceSql(feature)} as v from sums`
  );
}

/** The last value before the end where it does not lie before the begin, or the first from the begin on. */
function endSql(
  feature: WindowFeature,
  as: 'last' | 'first',
  { events, probes }: WindowQuery,
  groups: readonly string[],
): string {
  const instant = `partition by ${['us', ...groups].join(', ')}`;
  const direction = as === 'last' ? 'desc' : 'asc';
  const known =
    `select *, true as one from ${events} where val is not null ` +
    `qualify row_number() over (${instant} order by seq ${direction}) = 1`;
  const [nearest, isInside] =
    as === 'last' ? ['p.hi > e.us', 'e.us >= p.lo'] : ['p.lo <= e.us', 'e.us < p.hi'];
  return (
    `select p.rn, case when ${isInside} then e.val end as v ` +
    `from (select *, true as one, ${boundsSql(feature)} from ${probes}) p ` +
    `asof left join (${known}) e on ${same('e', groups)} and ${nearest}`
  );
}

/** What needs the values themselves: frames of rows, whose ends are counted beforehand. */
function framesSql(
  feature: WindowFeature,
  { events, probes }: WindowQuery,
  groups: readonly string[],
): string {
  const columns = ['us', ...groups].join(', ');
  const partition = partitionBy(groups);
  const all =
    `select ${columns}, num, val, null::bigint as rn from ${events} where val is not null ` +
    `union all by name select ${columns}, rn from ${probes}`;
  const placed = `select *, true as one, row_number() over (${partition}order by us) as place from (${all})`;
  const until =
    `select true as one, ${columns}, sum(n) over (${partition}order by us rows unbounded preceding)::bigint as n ` +
    `from (select ${columns}, count(*) as n from placed group by all)`;
  // Places up to the end, and those before the begin; they lie before a row unless its own instant belongs to it.
  const framed =
    'select p.*, p.place - coalesce(l.n, 0) - 1 as back, p.place - coalesce(h.n, 0) as ahead ' +
    `from (select *, ${boundsSql(feature)} from placed) p ` +
    `asof left join until h on ${same('h', groups)} and p.hi > h.us ` +
    `asof left join until l on ${same('l', groups)} and p.lo > l.us`;
  const isOwn = feature.edge === 'inclusive' && feature.offsetMs === 0;
  const end = isOwn ? '(-ahead) following' : 'ahead preceding';
  return (
    `with placed as materialized (${placed}), until as materialized (${until}) ` +
    `select rn, ${overSql(feature, 'w')} as v from (${framed}) ` +
    `window w as (${partition}order by place rows between back preceding and ${end}) qualify rn is not null`
  );
}

/** The last `count` values before the end: each event knows what it and those before it give; the probe looks it up. */
function lastSql(
  feature: WindowFeature,
  count: number,
  { events, probes }: WindowQuery,
  groups: readonly string[],
): string {
  const endUs = us(feature.offsetMs) - (feature.edge === 'inclusive' ? 1 : 0);
  const instant = `partition by ${['us', ...groups].join(', ')}`;
  const rolled =
    `select us, ${['true as one', ...groups].join(', ')}, ${overSql(feature, 'w')} as v ` +
    `from (select *${cuts(feature.as).sql} from ${events} where val is not null) ` +
    `window w as (${partitionBy(groups)}order by seq rows between ${count - 1} preceding and current row) ` +
    `qualify row_number() over (${instant} order by seq desc) = 1`;
  const found =
    `select p.rn, e.v from (select *, true as one from ${probes}) p ` +
    `asof left join (${rolled}) e on ${same('e', groups)} and p.us - (${endUs}) > e.us`;
  return feature.as === 'count' || feature.as === 'distinct'
    ? `select rn, coalesce(v, 0) as v from (${found})`
    : found;
}

/** `lo` and `hi` of whoever asks at `us`: values with lo <= us < hi. The twin of `decide/window-bounds.ts`. */
function boundsSql({ window, offsetMs, edge }: WindowFeature): string {
  if ('last' in window) throw new Error('a window that counts has no bounds');
  const shift = edge === 'inclusive' ? 1 : 0;
  const end = `us - ${us(offsetMs)}`;
  const durationUs = us(window.durationMs);
  if ('everyMs' in window) {
    const hi = floorSql(end, us(window.everyMs));
    return `${hi} - ${durationUs} as lo, ${hi} as hi`;
  }
  if ('fromEveryMs' in window) {
    return `${floorSql(`${end} - ${durationUs}`, us(window.fromEveryMs))} as lo, ${end} + ${shift} as hi`;
  }
  return `${end} - ${durationUs} + ${shift} as lo, ${end} + ${shift} as hi`;
}

/** The multiple of `step` at or before; SQL's remainder has the sign of what is divided. */
function floorSql(value: string, step: number): string {
  return `(${value} - ((${value}) % ${step} + ${step}) % ${step})`;
}

function partitionBy(groups: readonly string[]): string {
  return groups.length ? `partition by ${groups.join(', ')} ` : '';
}

/** A join by time wants an equality too: all are one group where there is none. */
function same(of: string, groups: readonly string[]): string {
  return ['one', ...groups].map((column) => `p.${column} = ${of}.${column}`).join(' and ');
}
