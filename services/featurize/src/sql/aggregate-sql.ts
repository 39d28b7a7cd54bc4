import type { WindowFeature } from '@perennial/spec';
import { cutSql, pairSql, squareCut, sumSql } from './exact-sql.js';

type As = WindowFeature['as'];
type Whole = Pick<WindowFeature, 'as' | 'quantile'>;

/** Aggregates that follow from counts and sums. */
export const summed: ReadonlySet<As> = new Set(['count', 'sum', 'mean', 'std', 'var', 'var-pop']);
const spread: ReadonlySet<As> = new Set(['std', 'var', 'var-pop']);

/**
 * What an aggregate adds up: `sql`, columns to put after `*`; `totals`, their sums of a group, to put after others; and
 * the `names` of both. `numbers` counts what was added.
 */
export function cuts(as: As): { sql: string; totals: string; names: readonly string[] } {
  if (as === 'count' || !summed.has(as)) return { sql: '', totals: '', names: [] };
  const isSpread = spread.has(as);
  const names = ['n_whole', 'n_rest', ...(isSpread ? ['s_whole', 's_rest'] : [])];
  return {
    sql: `, ${cutSql('num', 'n')}${isSpread ? `, ${cutSql('(num * num)', 's', squareCut)}` : ''}`,
    totals: `${names.map((name) => `, coalesce(sum(${name}), 0) as ${name}`).join('')}, count(n_whole) as numbers`,
    names: [...names, 'numbers'],
  };
}

/** The aggregate of sums that are columns: n, and the names of `cuts`. The twin of `decide/aggregate.ts`. */
export function differenceSql({ as }: Whole): string {
  const sum = pairSql('n_whole', 'n_rest');
  switch (as) {
    case 'count':
      return 'n::double';
    case 'sum':
      return `case when numbers > 0 then ${sum} end`;
    case 'mean':
      return `case when numbers > 0 then ${sum} / numbers end`;
    default:
      return spreadSql(as, { sum, squares: pairSql('s_whole', 's_rest', squareCut.of), count: 'numbers' });
  }
}

/** The same over a frame. */
export function overSql({ as, quantile = 0.5 }: Whole, over: string): string {
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
    case 'quantile':
      return `quantile_cont(num, ${quantile}::double) over ${over}`;
    case 'std':
    case 'var':
    case 'var-pop':
      return spreadSql(as, {
        sum: sumSql('n', over),
        squares: sumSql('s', over, squareCut.of),
        count: `(count(n_whole) over ${over})`,
      });
  }
}

function spreadSql(as: As, { sum, squares, count }: Record<'sum' | 'squares' | 'count', string>): string {
  const lost = as === 'var-pop' ? 0 : 1;
  const variance = `case when ${count} > ${lost} then greatest((${squares} - (${sum} * ${sum}) / ${count}) / (${count} - ${lost}), 0) end`;
  return as === 'std' ? `sqrt(${variance})` : variance;
}
