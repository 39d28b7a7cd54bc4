import { columnsOfExpression } from '../expression/ast.js';
import { parseExpression } from '../expression/parse.js';
import type { Reader } from './reader.js';
import { aggregates, type Feature, type System, type WindowFeature } from './system.js';

/** Inputs of one model; beyond that a column store of another kind is wanted. */
const featuresMax = 500;
const windowRowsMax = 10_000;
const names = ['name', 'column', 'expr', 'from', 'window', 'offset', 'by', 'as'] as const;
const windowOnly = ['window', 'offset', 'by', 'as'] as const;

type Fields = Record<(typeof names)[number], Reader>;

/** Features in their declared order, which is the order of the model's inputs. */
export function readFeatures(at: Reader, label: System['label'], { time, key }: System['source']): Feature[] {
  const items = at.items();
  if (items.length === 0) at.report('at least one feature is needed');
  if (items.length > featuresMax) at.report(`there are ${items.length}; at most ${featuresMax} are allowed`);
  const seen = new Set<string>([label.name.toLowerCase()]);
  return items.flatMap((item) => {
    const feature = readFeature(item, key);
    if (!feature) return [];
    const lower = feature.name.toLowerCase();
    if (seen.has(lower)) {
      const why = lower === label.name.toLowerCase() ? "is the label's name" : 'is there twice';
      item.report(`the name "${feature.name}" ${why}; names differ in more than upper and lower case`);
    }
    seen.add(lower);
    checkLeak(item, feature, label, time);
    checkGroups(item, feature, label, key);
    return [feature];
  });
}

function readFeature(item: Reader, key: readonly string[]): Feature | undefined {
  const fields = item.fields(names);
  const name = fields?.name.column('a name');
  if (!fields || name === undefined) return undefined;
  const kinds = (['column', 'expr', 'from'] as const).filter((kind) => !fields[kind].isAbsent);
  if (kinds.length > 1) {
    fields[kinds[1] as 'expr'].report(
      `"${kinds.join('" and "')}" exclude each other: a feature has one origin`,
    );
    return undefined;
  }
  if (kinds[0] === 'from') return readWindow(name, fields, key);
  const inapplicable = windowOnly.filter((field) => !fields[field].isAbsent);
  for (const field of inapplicable) {
    fields[field].report(`"${field}" belongs to a window feature; add "from", or take it away`);
  }
  if (inapplicable.length > 0) return undefined;
  if (kinds[0] === 'expr') {
    const expr = fields.expr.text('an expression');
    if (expr === undefined) return undefined;
    const parsed = item.file.attempt(fields.expr.path, (field) => parseExpression(expr, field));
    return parsed && { name, kind: 'expr', expr };
  }
  const column = kinds[0] === 'column' ? fields.column.column() : name;
  return column === undefined ? undefined : { name, kind: 'column', column };
}

function readWindow(name: string, fields: Fields, key: readonly string[]): WindowFeature | undefined {
  const from = fields.from.column();
  const window = readSpan(fields.window);
  const offsetMs = fields.offset.durationMs({ byDefault: 0 });
  // An entity's past is its own, unless something else is said.
  const by = fields.by.isAbsent ? [...key] : fields.by.items().map((item) => item.column());
  const as = fields.as.choice(aggregates);
  if (from === undefined || !window || offsetMs === undefined || !as) return undefined;
  if (by.some((column) => column === undefined)) return undefined;
  return { name, kind: 'window', from, window, offsetMs, by: by as string[], as };
}

function readSpan(at: Reader): WindowFeature['window'] | undefined {
  if (typeof at.value !== 'object' || at.value === null) {
    const durationMs = at.durationMs();
    if (durationMs === 0) return at.report('a window lasts longer than nothing');
    return durationMs === undefined ? undefined : { durationMs };
  }
  const last = at.fields(['last'])?.last.counted('row', { min: 1 });
  if (last !== undefined && last > windowRowsMax)
    return at.report(`at most the last ${windowRowsMax} are allowed`);
  return last === undefined ? undefined : { last };
}

/** The label is not known when a prediction is asked for; only its past is, by a window. */
function checkLeak(item: Reader, feature: Feature, label: System['label'], time: string): void {
  if (feature.kind === 'window') return;
  if (feature.kind === 'column' && feature.column === time) {
    item.report(`"${time}" is the event time; take a part of it, as in expr: "month(${time})"`);
  }
  const columns =
    feature.kind === 'column'
      ? [feature.column]
      : columnsOfExpression(parseExpression(feature.expr, feature.name));
  const leak = columns.find((column) => column === label.column);
  if (leak !== undefined) {
    item.report(
      `it reads "${leak}", the label itself, which nobody knows yet; use its past: from: ${leak}, window, as`,
    );
  }
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
