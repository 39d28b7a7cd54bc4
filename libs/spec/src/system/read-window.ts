import { parseExpression } from '../expression/parse.js';
import { aggregates, type WindowFeature } from './features.js';
import { readEncode } from './read-encode.js';
import type { FeatureFields } from './read-features.js';
import type { Reader } from './reader.js';

const windowRowsMax = 10_000;
/** Whole aggregates as they are written; a quantile is written with its share. */
const written = [...aggregates.filter((as) => as !== 'quantile'), 'median' as const];

export function readWindow(
  name: string,
  fields: FeatureFields,
  key: readonly string[],
): WindowFeature | undefined {
  const from = readFrom(fields.from);
  const window = readSpan(fields.window);
  const offsetMs = fields.offset.durationMs({ byDefault: 0 });
  // An entity's past is its own, unless something else is said.
  const by = fields.by.isAbsent ? [...key] : fields.by.items().map((item) => item.column());
  const as = readAggregate(fields.as);
  const edge = fields.edge.choice(['exclusive', 'inclusive'], 'exclusive');
  const encode = readEncode(fields.encode);
  if (from === undefined || !window || offsetMs === undefined || !as || !edge || !encode) return undefined;
  if (edge === 'inclusive' && 'everyMs' in window) {
    return fields.edge.report(
      'a window that hops ends at a step, before which everything lies; leave "edge" away',
    );
  }
  if (by.some((column) => column === undefined)) return undefined;
  return {
    name,
    kind: 'window',
    from,
    window,
    offsetMs,
    by: by as string[],
    ...as,
    ...(edge === 'inclusive' && { edge }),
    ...encode,
  };
}

/** A column, or `{ expr: ... }`. */
export function readFrom(at: Reader): string | { expr: string } | undefined {
  if (typeof at.value !== 'object' || at.value === null) return at.column();
  const expr = at.fields(['expr'])?.expr;
  const text = expr?.text('an expression');
  if (!expr || text === undefined) return undefined;
  return at.file.attempt(expr.path, (field) => parseExpression(text, field)) && { expr: text };
}

function readAggregate(at: Reader): Pick<WindowFeature, 'as' | 'quantile'> | undefined {
  if (typeof at.value === 'object' && at.value !== null) {
    const quantile = at.fields(['quantile'])?.quantile.share();
    return quantile === undefined ? undefined : { as: 'quantile', quantile };
  }
  const as = at.choice(written);
  return as === 'median' ? { as: 'quantile', quantile: 0.5 } : as && { as };
}

/** `7d`, `{ last: 5 }`, `{ tumbling: 1h }`, `{ hopping: 7d, every: 1d }` or `{ sawtooth: 7d, every: 1d }`. */
function readSpan(at: Reader): WindowFeature['window'] | undefined {
  if (typeof at.value !== 'object' || at.value === null) {
    const durationMs = longer(at);
    return durationMs === undefined ? undefined : { durationMs };
  }
  const fields = at.fields(['last', 'tumbling', 'hopping', 'sawtooth', 'every']);
  if (!fields) return undefined;
  const kinds = (['last', 'tumbling', 'hopping', 'sawtooth'] as const).filter(
    (kind) => !fields[kind].isAbsent,
  );
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    return at.report('write one of last, tumbling, hopping with every, or sawtooth with every');
  }
  if (kind === 'last' || kind === 'tumbling') {
    if (!fields.every.isAbsent) return fields.every.report(`"every" does not go with "${kind}"`);
    if (kind === 'last') return readLast(fields.last, at);
    const everyMs = longer(fields.tumbling);
    return everyMs === undefined ? undefined : { durationMs: everyMs, everyMs };
  }
  const everyMs = longer(fields.every);
  const durationMs = kind === 'hopping' ? longer(fields.hopping) : fields.sawtooth.durationMs();
  if (everyMs === undefined || durationMs === undefined) return undefined;
  return kind === 'hopping' ? { durationMs, everyMs } : { durationMs, fromEveryMs: everyMs };
}

function readLast(at: Reader, window: Reader): { last: number } | undefined {
  const last = at.counted('row', { min: 1 });
  if (last !== undefined && last > windowRowsMax)
    return window.report(`at most the last ${windowRowsMax} are allowed`);
  return last === undefined ? undefined : { last };
}

function longer(at: Reader): number | undefined {
  const durationMs = at.durationMs();
  return durationMs === 0 ? at.report('a window lasts longer than nothing') : durationMs;
}
