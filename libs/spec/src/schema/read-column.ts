import type { Reader } from '../system/reader.js';
import { ifGiven, readSeverity } from './read-parts.js';
import {
  type ColumnSchema,
  columnRules,
  columnTypes,
  environments,
  formats,
  lifecycles,
  monotones,
} from './schema.js';

const names = [
  'type',
  'presence',
  'range',
  'domain',
  'unique',
  'distinct',
  'format',
  'zone',
  'shape',
  'valency',
  'trim',
  'missing-as',
  'spelled',
  'monotone',
  'capped',
  'constant',
  'skew',
  'drift',
  'environments',
  'lifecycle',
  'severity',
  'by',
  'notes',
] as const;

/** Types to which a field says something; the others are for every type. */
const applies: Partial<Record<(typeof names)[number], readonly ColumnSchema['type'][]>> = {
  range: ['number', 'integer', 'time'],
  capped: ['number', 'integer'],
  monotone: ['number', 'integer', 'time'],
  zone: ['time'],
  format: ['text', 'time'],
  spelled: ['boolean'],
  shape: ['list'],
  valency: ['list'],
};
/** Values that a list in the file may have; a longer domain is none. */
const valuesMax = 10_000;

type Fields = Record<(typeof names)[number], Reader>;

/** What is expected of one column. `type` alone is enough. */
export function readColumn(at: Reader): ColumnSchema | undefined {
  const fields = at.fields(names);
  const type = fields?.type.choice(columnTypes);
  if (!fields || !type) return undefined;
  for (const [name, types] of Object.entries(applies)) {
    const field = fields[name as keyof typeof applies];
    if (!field.isAbsent && !types.includes(type)) {
      field.report(`it is for a column of type ${types.join(' or ')}, and this one is ${type}`);
    }
  }
  return {
    type,
    ...ifGiven(fields.presence, 'presence', readPresence),
    ...ifGiven(fields.range, 'range', readRange),
    ...ifGiven(fields.domain, 'domain', (one) => readDomain(one, type)),
    ...readDistinct(fields),
    ...ifGiven(fields.format, 'format', (one) => one.choice(formats)),
    ...ifGiven(fields.zone, 'zone', readZone),
    ...readValency(fields),
    ...(fields.trim.flag() && { trim: true as const }),
    ...ifGiven(fields['missing-as'], 'missingAs', readTexts),
    ...ifGiven(fields.spelled, 'spelled', readSpelled),
    ...ifGiven(fields.monotone, 'monotone', (one) => one.choice(monotones)),
    ...ifGiven(fields.capped, 'capped', readCapped),
    ...ifGiven(fields.constant, 'constant', readCell),
    ...ifGiven(fields.skew, 'skew', readThresholds),
    ...ifGiven(fields.drift, 'drift', readThresholds),
    ...ifGiven(fields.environments, 'environments', (one) =>
      one.items().flatMap((item) => item.choice(environments) ?? []),
    ),
    ...ifGiven(fields.lifecycle, 'lifecycle', (one) => one.choice(lifecycles)),
    ...ifGiven(fields.severity, 'severity', (one) => readSeverity(one, columnRules)),
    ...ifGiven(fields.by, 'by', (one) => one.text('who wrote it')),
    ...ifGiven(fields.notes, 'notes', readTexts),
  };
}

/** `required`, or the least share and number of values. */
function readPresence(at: Reader): ColumnSchema['presence'] {
  if (at.value === 'required') return { minFraction: 1 };
  const fields = at.fields(['min-fraction', 'min-count']);
  return (
    fields && {
      ...ifGiven(fields['min-fraction'], 'minFraction', (one) => one.share()),
      ...ifGiven(fields['min-count'], 'minCount', (one) => one.counted('row')),
    }
  );
}

function readRange(at: Reader): ColumnSchema['range'] {
  const fields = at.fields(['min', 'max', 'low', 'high']);
  if (!fields) return undefined;
  const range = {
    ...ifGiven(fields.min, 'min', (one) => one.number()),
    ...ifGiven(fields.max, 'max', (one) => one.number()),
    ...ifGiven(fields.low, 'low', (one) => one.number()),
    ...ifGiven(fields.high, 'high', (one) => one.number()),
  };
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = range;
  return low > high ? at.report(`low ${low} lies above high ${high}`) : range;
}

/** A list of values is a closed domain. */
function readDomain(at: Reader, type: ColumnSchema['type']): ColumnSchema['domain'] {
  const isList = Array.isArray(at.value);
  const fields = isList ? { values: at } : at.fields(['values', 'closed', 'min-mass']);
  if (!fields) return undefined;
  const items = fields.values.items();
  if (items.length === 0) return fields.values.report('at least one value is needed');
  if (items.length > valuesMax) {
    return fields.values.report(`there are ${items.length} values; at most ${valuesMax} are allowed`);
  }
  const values = items.flatMap((item) => readCell(item) ?? []);
  const kind = type === 'integer' ? 'number' : type === 'number' || type === 'boolean' ? type : 'string';
  const odd = values.findIndex((value) => type !== 'list' && typeof value !== kind);
  if (odd >= 0) items[odd]?.report(`${JSON.stringify(values[odd])} is no ${type}`);
  if (!('closed' in fields)) return { values, closed: true };
  return {
    values,
    closed: fields.closed.isAbsent ? fields['min-mass'].isAbsent : fields.closed.flag(),
    ...ifGiven(fields['min-mass'], 'minMass', (one) => one.share()),
  };
}

function readDistinct({ unique, distinct }: Fields): Pick<ColumnSchema, 'distinct'> {
  const bounds = distinct.optionalFields(['min', 'max']);
  const isUnique = unique.flag();
  if (distinct.isAbsent && !isUnique) return {};
  return {
    distinct: {
      ...(isUnique && { unique: true as const }),
      ...(bounds && ifGiven(bounds.min, 'min', (one) => one.counted('value'))),
      ...(bounds && ifGiven(bounds.max, 'max', (one) => one.counted('value'))),
    },
  };
}

function readZone(at: Reader): string | undefined {
  const zone = at.text('a time zone such as Europe/Lisbon');
  if (zone === undefined) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }) && zone;
  } catch {
    return at.report(`"${zone}" is no time zone; write for example UTC or America/New_York`);
  }
}

function readValency({ shape, valency }: Fields): Pick<ColumnSchema, 'valency'> {
  if (shape.isAbsent && valency.isAbsent) return {};
  const bounds = valency.optionalFields(['min', 'max']);
  const sizes = shape.items().flatMap((item) => item.counted('value') ?? []);
  return {
    valency: {
      ...(bounds && ifGiven(bounds.min, 'min', (one) => one.counted('value'))),
      ...(bounds && ifGiven(bounds.max, 'max', (one) => one.counted('value'))),
      ...(sizes.length && { shape: sizes }),
    },
  };
}

function readSpelled(at: Reader): ColumnSchema['spelled'] {
  const fields = at.fields(['true', 'false']);
  return fields && { true: readTexts(fields.true), false: readTexts(fields.false) };
}

function readCapped(at: Reader): ColumnSchema['capped'] {
  return at.items().flatMap((item) => {
    const fields = item.fields(['at', 'side', 'share']);
    const [value, side] = [fields?.at.number(), fields?.side.choice(['low', 'high'])];
    if (!fields || value === undefined || !side) return [];
    return [{ at: value, side, ...ifGiven(fields.share, 'share', (one) => one.share()) }];
  });
}

function readThresholds(at: Reader): ColumnSchema['drift'] {
  const fields = at.fields(['l-infinity', 'jensen-shannon', 'absolute']);
  return (
    fields && {
      ...ifGiven(fields['l-infinity'], 'lInfinity', (one) => one.share()),
      ...ifGiven(fields['jensen-shannon'], 'jensenShannon', (one) => one.share()),
      ...ifGiven(fields.absolute, 'absolute', (one) => one.share()),
    }
  );
}

/** Texts; an empty one is allowed, since a blank cell may stand for a missing value. */
function readTexts(at: Reader): string[] {
  return at.items().flatMap((item) => {
    if (typeof item.value === 'string') return [item.value];
    return item.report('a text was expected; put it in quotes') ?? [];
  });
}

function readCell(at: Reader): string | number | boolean | undefined {
  const { value } = at;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return at.report('a text, a number, true or false was expected');
}
