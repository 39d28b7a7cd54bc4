import { canonicalJson } from '@perennial/kernel';
import {
  type ColumnRuleName,
  type ColumnSchema,
  datasetSeverityOf,
  type SchemaDocument,
  type Severity,
  severityOf,
} from './schema.js';

/**
 * What a change of a schema means: `compatible` holds and lets through the same rows; `widening` lets rows through that
 * were held, so that readers may see what they never saw; `breaking` holds rows that were good, or changes what a
 * column means or whether it is there.
 */
export type Compatibility = 'same' | 'compatible' | 'widening' | 'breaking';

export interface SchemaChange {
  /** Such as `columns.fare.range.high`. */
  readonly path: string;
  readonly kind: Exclude<Compatibility, 'same'>;
  /** Canonical JSON; empty where there was nothing. */
  readonly fromJson: string;
  readonly toJson: string;
}

const order: readonly Compatibility[] = ['same', 'compatible', 'widening', 'breaking'];
/** Columns of these stages raise nothing and nobody should read them yet, or any more. */
const silent = new Set(['planned', 'alpha', 'debug', 'deprecated', 'disabled']);

/** What changed between two schemas of one source, and the worst that it means. */
export function compareSchemas(
  before: SchemaDocument,
  after: SchemaDocument,
): { readonly compatibility: Compatibility; readonly changes: readonly SchemaChange[] } {
  const names = [...new Set([...Object.keys(before.columns), ...Object.keys(after.columns)])].sort();
  const changes = [
    ...names.flatMap((name) => columnChanges(name, before.columns[name], after.columns[name])),
    ...ruleChanges(before, after),
    ...datasetChanges(before, after),
    ...change('notes', before.notes, after.notes, 'compatible'),
  ];
  const worst = changes.reduce((found, { kind }) => Math.max(found, order.indexOf(kind)), 0);
  return { compatibility: order[worst] as Compatibility, changes };
}

type Kind = SchemaChange['kind'];

function change(path: string, from: unknown, to: unknown, kind: Kind): SchemaChange[] {
  const json = (value: unknown) => (value === undefined ? '' : canonicalJson(value));
  const [fromJson, toJson] = [json(from), json(to)];
  return fromJson === toJson ? [] : [{ path, kind, fromJson, toJson }];
}

function columnChanges(name: string, before?: ColumnSchema, after?: ColumnSchema): SchemaChange[] {
  const path = `columns.${name}`;
  if (!before) {
    const isAsked = after?.presence?.minFraction === 1 && !isSilent(after) && holds(after, 'presence');
    return change(path, before, after, isAsked ? 'breaking' : 'compatible');
  }
  if (!after) return change(path, before, after, isSilent(before) ? 'compatible' : 'breaking');
  const at = (field: string) => `${path}.${field}`;
  return [
    ...change(at('type'), before.type, after.type, typeKind(before.type, after.type)),
    ...rule('presence', presenceKind),
    ...rule('range', rangeKind),
    ...rule('domain', domainKind),
    ...rule('distinct', distinctKind),
    ...rule('format', added),
    ...change(at('zone'), before.zone, after.zone, 'breaking'),
    ...rule('valency', valencyKind),
    ...change(at('trim'), before.trim, after.trim, after.trim ? 'widening' : 'breaking'),
    ...change(at('missingAs'), before.missingAs, after.missingAs, missingKind(before, after)),
    ...change(at('spelled'), before.spelled, after.spelled, spelledKind(before, after)),
    ...rule('monotone', added),
    ...rule('capped', always('compatible')),
    ...rule('constant', added),
    ...rule('skew', thresholdsKind),
    ...rule('drift', thresholdsKind),
    ...change(at('environments'), before.environments, after.environments, environmentsKind(before, after)),
    ...change(at('lifecycle'), before.lifecycle, after.lifecycle, lifecycleKind(before, after)),
    ...severityChanges(path, before, after),
    ...change(at('by'), before.by, after.by, 'compatible'),
    ...change(at('notes'), before.notes, after.notes, 'compatible'),
  ];

  /** A rule that only tells holds nothing, however it changes. */
  function rule<Name extends ColumnRuleName & keyof ColumnSchema>(
    field: Name,
    kindOf: (from: ColumnSchema[Name], to: ColumnSchema[Name]) => Kind,
  ): SchemaChange[] {
    const [from, to] = [before?.[field], after?.[field]] as [ColumnSchema[Name], ColumnSchema[Name]];
    const kind = kindOf(from, to);
    const isTold = kind === 'breaking' && !holds(after as ColumnSchema, field);
    const wasTold = kind === 'widening' && !holds(before as ColumnSchema, field);
    return change(at(field), from, to, isTold || wasTold ? 'compatible' : kind);
  }
}

function isSilent({ lifecycle }: ColumnSchema): boolean {
  return silent.has(lifecycle ?? '');
}

function holds(column: ColumnSchema, rule: ColumnRuleName): boolean {
  return severityOf(column, rule) !== 'warn' && !isSilent(column);
}

const always = (kind: Kind) => (): Kind => kind;

/** Of a demand that is there or not, or is another one. */
function added(from: unknown, to: unknown): Kind {
  return to === undefined && from !== undefined ? 'widening' : 'breaking';
}

/** A whole number is a number; all else is read in another way. */
function typeKind(from: ColumnSchema['type'], to: ColumnSchema['type']): Kind {
  return from === 'integer' && to === 'number' ? 'widening' : 'breaking';
}

/** Each bound as [before, after]; a lower bound that grows and an upper one that shrinks are tighter. */
function boundsKind(
  lows: readonly (readonly [number | undefined, number | undefined])[],
  highs: readonly (readonly [number | undefined, number | undefined])[] = [],
): Kind {
  const low = (value: number | undefined) => value ?? Number.NEGATIVE_INFINITY;
  const high = (value: number | undefined) => value ?? Number.POSITIVE_INFINITY;
  const isTighter =
    lows.some(([from, to]) => low(to) > low(from)) || highs.some(([from, to]) => high(to) < high(from));
  const isLooser =
    lows.some(([from, to]) => low(to) < low(from)) || highs.some(([from, to]) => high(to) > high(from));
  if (isTighter) return 'breaking';
  return isLooser ? 'widening' : 'compatible';
}

function presenceKind(from: ColumnSchema['presence'], to: ColumnSchema['presence']): Kind {
  return boundsKind([
    [from?.minFraction, to?.minFraction],
    [from?.minCount, to?.minCount],
  ]);
}

/** What was seen (`min`, `max`) asks nothing. */
function rangeKind(from: ColumnSchema['range'], to: ColumnSchema['range']): Kind {
  return boundsKind([[from?.low, to?.low]], [[from?.high, to?.high]]);
}

function domainKind(from: ColumnSchema['domain'], to: ColumnSchema['domain']): Kind {
  const [wasClosed, isClosed] = [from?.closed === true, to?.closed === true];
  // How much lies outside of an open domain is asked of the set, and told.
  if (!wasClosed && !isClosed) return 'compatible';
  if (!wasClosed) return 'breaking';
  if (!isClosed) return 'widening';
  const [before, after] = [new Set(from?.values), new Set(to?.values)];
  if ([...before].some((value) => !after.has(value))) return 'breaking';
  return [...after].some((value) => !before.has(value)) ? 'widening' : 'compatible';
}

function distinctKind(from: ColumnSchema['distinct'], to: ColumnSchema['distinct']): Kind {
  const bounds = boundsKind([[from?.min, to?.min]], [[from?.max, to?.max]]);
  if (bounds === 'breaking' || (to?.unique && !from?.unique)) return 'breaking';
  return bounds === 'widening' || (from?.unique && !to?.unique) ? 'widening' : 'compatible';
}

function valencyKind(from: ColumnSchema['valency'], to: ColumnSchema['valency']): Kind {
  if (canonicalJson(from?.shape ?? null) !== canonicalJson(to?.shape ?? null))
    return added(from?.shape, to?.shape);
  return boundsKind([[from?.min, to?.min]], [[from?.max, to?.max]]);
}

function thresholdsKind(from: ColumnSchema['drift'], to: ColumnSchema['drift']): Kind {
  return boundsKind(
    [],
    [
      [from?.lInfinity, to?.lInfinity],
      [from?.jensenShannon, to?.jensenShannon],
      [from?.absolute, to?.absolute],
    ],
  );
}

/** A word that begins to stand for nothing lets rows through, unless each row must have a value; one that ends to do so is a word again. */
function missingKind(before: ColumnSchema, after: ColumnSchema): Kind {
  const [from, to] = [new Set(before.missingAs), new Set(after.missingAs)];
  const isLess = [...from].some((token) => !to.has(token));
  const isMore = [...to].some((token) => !from.has(token));
  if (isLess && after.type !== 'text') return 'breaking';
  if (isMore && after.presence?.minFraction === 1 && holds(after, 'presence')) return 'breaking';
  return 'widening';
}

function spelledKind(before: ColumnSchema, after: ColumnSchema): Kind {
  const words = ({ spelled }: ColumnSchema, value: 'true' | 'false') => new Set(spelled?.[value] ?? [value]);
  const isLess = (['true', 'false'] as const).some((value) =>
    [...words(before, value)].some((word) => !words(after, value).has(word)),
  );
  return isLess ? 'breaking' : 'widening';
}

function environmentsKind(before: ColumnSchema, after: ColumnSchema): Kind {
  const all = ['training', 'serving'];
  const [from, to] = [before.environments ?? all, after.environments ?? all];
  const isMore = to.some((one) => !from.some((other) => other === one));
  if (!isMore) return 'widening';
  return after.presence?.minFraction === 1 && holds(after, 'presence') ? 'breaking' : 'compatible';
}

function lifecycleKind(before: ColumnSchema, after: ColumnSchema): Kind {
  if (isSilent(before) === isSilent(after)) return 'compatible';
  return isSilent(after) ? 'widening' : 'breaking';
}

const strength: readonly Severity[] = ['warn', 'quarantine', 'hold'];

function strengthKind(from: Severity, to: Severity): Kind {
  const [before, after] = [strength.indexOf(from), strength.indexOf(to)];
  if (after === before) return 'compatible';
  return after > before ? 'breaking' : 'widening';
}

/** Only rules that the column has count: the severity of one that asks nothing holds nothing. */
function severityChanges(path: string, before: ColumnSchema, after: ColumnSchema): SchemaChange[] {
  const asked = (['type', ...Object.keys(after)] as string[]).filter(
    (name) => name in before || name === 'type',
  );
  const kinds = asked
    .filter((name): name is ColumnRuleName => name !== 'severity' && name !== 'by' && name !== 'notes')
    .map((name) => strengthKind(severityOf(before, name), severityOf(after, name)));
  return change(`${path}.severity`, before.severity, after.severity, worstOf(kinds));
}

function worstOf(kinds: readonly Kind[]): Kind {
  return order[kinds.reduce((found, kind) => Math.max(found, order.indexOf(kind)), 1)] as Kind;
}

function ruleChanges(before: SchemaDocument, after: SchemaDocument): SchemaChange[] {
  const [from, to] = [before, after].map(({ rules }) => new Map(rules.map((rule) => [rule.name, rule]))) as [
    Map<string, SchemaDocument['rules'][number]>,
    Map<string, SchemaDocument['rules'][number]>,
  ];
  return [...new Set([...from.keys(), ...to.keys()])].sort().flatMap((name) => {
    const [was, is] = [from.get(name), to.get(name)];
    const path = `rules.${name}`;
    if (!was) return change(path, was, is, is?.severity === 'warn' ? 'compatible' : 'breaking');
    if (!is) return change(path, was, is, was.severity === 'warn' ? 'compatible' : 'widening');
    const { by: _, severity: wasSeverity, ...wasAsked } = was;
    const { by: __, severity: isSeverity, ...isAsked } = is;
    const isSame = canonicalJson(wasAsked) === canonicalJson(isAsked);
    // What another expression holds cannot be told from its text.
    const kind = isSame
      ? strengthKind(wasSeverity, isSeverity)
      : isSeverity === 'warn'
        ? 'compatible'
        : 'breaking';
    return change(path, was, is, kind);
  });
}

function datasetChanges(
  { dataset: before }: SchemaDocument,
  { dataset: after }: SchemaDocument,
): SchemaChange[] {
  const rules = [
    ['rows', before.rows, after.rows],
    ['freshness', before.freshness, after.freshness],
    ['interval', before.intervalMs, after.intervalMs],
    ['volume', before.volume, after.volume],
    ['order', before.order, after.order],
    ['columns', before.newColumns, after.newColumns],
  ] as const;
  const asked = rules.flatMap(([name, from, to]) => {
    const [was, is] = [datasetSeverityOf(before, name), datasetSeverityOf(after, name)];
    const kind = is === 'warn' && was === 'warn' ? 'compatible' : added(from, to);
    return change(`dataset.${name}`, from, to, kind);
  });
  const kinds = rules
    .filter(([, from, to]) => from !== undefined && to !== undefined)
    .map(([name]) => strengthKind(datasetSeverityOf(before, name), datasetSeverityOf(after, name)));
  return [
    ...asked,
    ...change('dataset.severity', before.severity, after.severity, worstOf(kinds)),
    ...change('dataset.by', before.by, after.by, 'compatible'),
  ];
}
