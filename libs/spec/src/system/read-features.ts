import { columnsOfExpression } from '../expression/ast.js';
import { parseExpression } from '../expression/parse.js';
import { type Feature, type LookupFeature, modelInputs, type WindowFeature } from './features.js';
import { readEncode } from './read-encode.js';
import { readLookup, readSize } from './read-lookup.js';
import { readWindow } from './read-window.js';
import type { Reader } from './reader.js';
import type { System } from './system.js';

/** Features of one view; beyond that a column store of another kind is wanted. */
const featuresMax = 500;
/** Inputs of one model, the numbers of embeddings among them. */
const inputsMax = 8_192;
const names = [
  'name',
  'column',
  'expr',
  'from',
  'window',
  'offset',
  'by',
  'as',
  'lookup',
  'on',
  'ttl',
  'created',
  'cutoff',
  'deleted',
  'edge',
  'size',
  'encode',
] as const;
type Field = (typeof names)[number];
export type FeatureFields = Record<Field, Reader>;

/** What each kind of feature takes beside its name. */
const fieldsOf: Record<'column' | 'expr' | 'from' | 'lookup', readonly Field[]> = {
  column: ['column', 'size', 'encode'],
  expr: ['expr', 'encode'],
  from: ['from', 'window', 'offset', 'by', 'as', 'edge', 'encode'],
  lookup: ['lookup', 'column', 'from', 'on', 'ttl', 'created', 'cutoff', 'deleted', 'edge', 'size', 'encode'],
};
const windowOnly: readonly Field[] = ['window', 'offset', 'by', 'as'];

/** Features in their declared order, which is the order of the model's inputs. */
export function readFeatures(at: Reader, label: System['label'], source: System['source']): Feature[] {
  const items = at.items();
  if (items.length === 0) at.report('at least one feature is needed');
  if (items.length > featuresMax) at.report(`there are ${items.length}; at most ${featuresMax} are allowed`);
  const seen = new Set<string>([label.name.toLowerCase()]);
  const features = items.flatMap((item) => {
    const feature = readFeature(item, source.key);
    if (!feature) return [];
    for (const name of modelInputs({ features: [feature] })) {
      const lower = name.toLowerCase();
      if (seen.has(lower)) {
        const why = lower === label.name.toLowerCase() ? "is the label's name" : 'is there twice';
        item.report(`the name "${name}" ${why}; names differ in more than upper and lower case`);
      }
      seen.add(lower);
    }
    checkLeak(item, feature, label, source);
    checkGroups(item, feature, label, source.key);
    return [feature];
  });
  const inputs = modelInputs({ features }).length;
  if (inputs > inputsMax) at.report(`they are ${inputs} model inputs; at most ${inputsMax} are allowed`);
  return features;
}

function readFeature(item: Reader, key: readonly string[]): Feature | undefined {
  const fields = item.fields(names);
  const name = fields?.name.column('a name');
  if (!fields || name === undefined) return undefined;
  const kind = kindOf(fields);
  if (!kind) return undefined;
  const inapplicable = names.filter(
    (field) => field !== 'name' && !fieldsOf[kind].includes(field) && !fields[field].isAbsent,
  );
  for (const field of inapplicable) {
    const [of, add] = windowOnly.includes(field) ? ['window', 'from'] : ['lookup', 'lookup'];
    const hint =
      field === 'edge' || kind === 'lookup' || kind === 'from'
        ? `does not go with "${kind}"`
        : `belongs to a ${of} feature; add "${add}", or take it away`;
    fields[field].report(`"${field}" ${hint}`);
  }
  if (inapplicable.length > 0) return undefined;
  if (kind === 'lookup') return readLookup(name, fields);
  if (kind === 'from') return readWindow(name, fields, key);
  const encode = readEncode(fields.encode);
  if (!encode) return undefined;
  if (kind === 'expr') {
    const expr = fields.expr.text('an expression');
    if (expr === undefined) return undefined;
    const parsed = item.file.attempt(fields.expr.path, (field) => parseExpression(expr, field));
    return parsed && { name, kind: 'expr', expr, ...encode };
  }
  const column = fields.column.isAbsent ? name : fields.column.column();
  if (column === undefined) return undefined;
  if (fields.size.isAbsent) return { name, kind: 'column', column, ...encode };
  if (encode.encode) return fields.encode.report('a list of numbers is not encoded');
  const size = readSize(fields.size);
  return size === undefined ? undefined : { name, kind: 'embedding', column, size };
}

/** A feature has one origin; a lookup may say which column it takes. */
function kindOf(fields: FeatureFields): keyof typeof fieldsOf | undefined {
  const origins = (['column', 'expr', 'from'] as const).filter((kind) => !fields[kind].isAbsent);
  if (origins.length > 1) {
    return fields[origins[1] as 'expr'].report(
      `"${origins.join('" and "')}" exclude each other: a feature has one origin`,
    );
  }
  return fields.lookup.isAbsent ? (origins[0] ?? 'column') : 'lookup';
}

/** The label is not known when a prediction is asked for; only its past is, by a window. */
function checkLeak(
  item: Reader,
  feature: Feature,
  label: System['label'],
  { name, time }: Pick<System['source'], 'name' | 'time'>,
): void {
  if (feature.kind === 'window') {
    checkWindowLeak(item, feature, label);
    return;
  }
  if (feature.kind === 'lookup') checkLookupLeak(item, feature, label, name);
  if (feature.kind === 'column' && feature.column === time) {
    item.report(`"${time}" is the event time; take a part of it, as in expr: "month(${time})"`);
  }
  const leak = columnsOfRow(feature).find((column) => column === label.column);
  if (leak !== undefined) {
    item.report(
      `it reads "${leak}", the label itself, which nobody knows yet; use its past: from: ${leak}, window, as`,
    );
  }
}

/** An inclusive window holds its own row: what a label is or is made of must not be looked at there. */
function checkWindowLeak(
  item: Reader,
  { from, edge, offsetMs }: WindowFeature,
  label: System['label'],
): void {
  const read = typeof from === 'string' ? [from] : columnsOfExpression(parseExpression(from.expr, 'from'));
  if (typeof from === 'object' && label.column !== undefined && read.includes(label.column)) {
    item
      .at('from', from)
      .report(
        `it reads "${label.column}", which comes as a label and not with the rows; write from: ${label.column}`,
      );
  }
  if (edge !== 'inclusive' || offsetMs > 0) return;
  const leak = read.find((column) => columnsOfLabel(label).includes(column));
  if (leak !== undefined) {
    item
      .at('edge', edge)
      .report(
        `an inclusive window holds its own row, and "${leak}" is its label or makes it; write edge: exclusive, or an offset`,
      );
  }
}

/** A lookup in the system's own source finds the row itself, unless it is exclusive. */
function checkLookupLeak(item: Reader, feature: LookupFeature, label: System['label'], own: string): void {
  if (feature.source !== own || feature.edge === 'exclusive') return;
  const { from } = feature;
  const read = typeof from === 'string' ? [from] : columnsOfExpression(parseExpression(from.expr, 'from'));
  const leak = read.find((column) => columnsOfLabel(label).includes(column));
  if (leak !== undefined) {
    item.report(`it finds its own row, and "${leak}" is its label or makes it; write edge: exclusive`);
  }
}

/** Names under which the label, or what makes it, can be read. */
function columnsOfLabel({ name, column, expr }: System['label']): string[] {
  const made = expr === undefined ? [] : columnsOfExpression(parseExpression(expr, 'label'));
  return [name, ...(column === undefined ? [] : [column]), ...made];
}

/** Columns of the row itself that a feature reads. */
function columnsOfRow(feature: Exclude<Feature, WindowFeature>): string[] {
  if (feature.kind === 'lookup') return feature.on.map(({ equals }) => equals);
  if (feature.kind !== 'expr') return [feature.column];
  return columnsOfExpression(parseExpression(feature.expr, feature.name));
}

/** A label that arrives is known by its key alone; the row's other columns did not come with it. */
function checkGroups(item: Reader, feature: Feature, label: System['label'], key: readonly string[]): void {
  if (feature.kind !== 'window' || label.column === undefined) return;
  if (feature.from !== label.name && feature.from !== label.column) return;
  const unknown = feature.by.find((column) => !key.includes(column));
  if (unknown === undefined) return;
  const known = key.length ? `by ${key.join(', ')}` : 'not at all: source.key is empty';
  item.at('by', feature.by).report(`labels can be grouped ${known}; "${unknown}" does not come with a label`);
}
