import { parseExpression } from '../expression/parse.js';
import type { LookupFeature } from './features.js';
import { readEncode } from './read-encode.js';
import type { FeatureFields } from './read-features.js';
import { readFrom } from './read-window.js';
import type { Reader } from './reader.js';

/** Numbers of one embedding; models of text and pictures give fewer. */
const sizeMax = 4_096;
/** How `created` names the platform's own time of arrival. */
const arrived = 'arrived';
export const arrivedColumn = '_p_arrived_at';

export function readLookup(name: string, fields: FeatureFields): LookupFeature | undefined {
  const source = fields.lookup.name();
  const from = fields.from.isAbsent
    ? fields.column.isAbsent
      ? name
      : fields.column.column()
    : readFrom(fields.from);
  const on = readPairs(fields.on);
  const edge = fields.edge.choice(['inclusive', 'exclusive'], 'inclusive');
  const encode = readEncode(fields.encode);
  const ttlMs = fields.ttl.isAbsent ? undefined : readTtl(fields.ttl);
  const created = fields.created.isAbsent ? undefined : readCreated(fields.created);
  const cutoff = fields.cutoff.choice(['created', 'none'], 'created');
  const deleted = fields.deleted.isAbsent ? undefined : readCondition(fields.deleted);
  const size = fields.size.isAbsent ? undefined : readSize(fields.size);
  if (source === undefined || from === undefined || !on || !edge || !encode) return undefined;
  if (!cutoff) return undefined;
  if (created === undefined && !fields.cutoff.isAbsent) {
    return fields.cutoff.report('there is no time of writing to cut by; name its column with "created"');
  }
  if (size !== undefined && encode.encode) return fields.encode.report('a list of numbers is not encoded');
  return {
    name,
    kind: 'lookup',
    source,
    from,
    on,
    ...(edge === 'exclusive' && { edge }),
    ...(ttlMs !== undefined && { ttlMs }),
    ...(created !== undefined && { created }),
    ...(cutoff === 'none' && { cutoff }),
    ...(deleted !== undefined && { deleted }),
    ...(size !== undefined && { size }),
    ...encode,
  };
}

export function readSize(at: Reader): number | undefined {
  const size = at.counted('number', { min: 1 });
  return size !== undefined && size > sizeMax ? at.report(`at most ${sizeMax} are allowed`) : size;
}

/** `[station]`, or `{ column of the lookup: column of the row }`. */
function readPairs(at: Reader): LookupFeature['on'] | undefined {
  if (at.isAbsent)
    return at.report('it is missing: columns of the lookup and those of the row, { tailnum: tail }');
  if (Array.isArray(at.value)) {
    const columns = at.items().map((item) => item.column());
    if (columns.length === 0) return at.report('at least one column is needed');
    if (columns.some((column) => column === undefined)) return undefined;
    return columns.map((column) => ({ column: column as string, equals: column as string }));
  }
  if (typeof at.value !== 'object') return at.report('a list of columns, or a map, was expected');
  const pairs = Object.entries(at.value as object).map(([column, equals]) => ({
    column: at.at(column, column).column(),
    equals: at.at(column, equals).column(),
  }));
  if (pairs.length === 0) return at.report('at least one column is needed');
  if (pairs.some(({ column, equals }) => column === undefined || equals === undefined)) return undefined;
  return pairs as LookupFeature['on'];
}

function readTtl(at: Reader): number | undefined {
  const ttlMs = at.durationMs();
  return ttlMs === 0 ? at.report('nothing would be young enough; leave it away for no bound') : ttlMs;
}

function readCreated(at: Reader): string | undefined {
  return at.value === arrived ? arrivedColumn : at.column();
}

function readCondition(at: Reader): string | undefined {
  const text = at.text('a condition over the looked up row');
  if (text === undefined) return undefined;
  const parsed = at.file.attempt(at.path, (field) => parseExpression(text, field));
  if (!parsed) return undefined;
  return ['boolean', 'any'].includes(parsed.type) ? text : at.report('it is no condition');
}
