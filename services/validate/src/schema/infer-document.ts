import type { ColumnSchema, DatasetSchema, SchemaDocument } from '@perennial/spec';
import type { ColumnSketches, SetProfile } from '../profile/set-profile.js';
import type { TextForms } from '../profile/text-forms.js';
import { inferColumn } from './infer-column.js';
import { learningRows } from './learned.js';

/** Share of the steps between rows that are alike before they are an interval. */
const regularShare = 0.9;

/**
 * The schema that a set of rows implies, with everything that somebody should know before accepting it as notes: type,
 * presence with its lower bound, bounds, domain, format, uniqueness, caps, the usual interval. `raw` says what texts
 * looked like as they came, where the profile is of rows as they were read; `notes` are of what other looks told.
 */
export function inferDocument(
  { source, kind }: { source: string; kind: 'rows' | 'labels' },
  profile: SetProfile,
  { raw = {}, notes = [] }: { raw?: Readonly<Record<string, TextForms>>; notes?: readonly string[] } = {},
): SchemaDocument {
  const columns: [string, ColumnSchema][] = [];
  for (const [name, sketches] of profile.columns) {
    const inferred = inferColumn(sketches, profile.rows, raw[name] ?? sketches.forms);
    if (!inferred) continue;
    const { column, notes: own } = inferred;
    columns.push([name, own.length > 0 ? { ...column, notes: [...own] } : column]);
  }
  const { dataset, note } = inferDataset(profile);
  const all = [...notes, ...note, ...flagNotes(profile.columns)];
  return {
    source,
    of: kind,
    columns: Object.fromEntries(columns),
    rules: [],
    dataset,
    ...(all.length > 0 && { notes: all }),
  };
}

function inferDataset({ times }: SetProfile): { dataset: DatasetSchema; note: string[] } {
  const { count } = times.steps.moments;
  const { values } = times.steps.top(1);
  const [usual] = values;
  if (!usual || count < learningRows || usual.count < regularShare * count) return { dataset: {}, note: [] };
  const steps = times.steps.exactCounts() ?? [];
  const absent = steps.reduce((sum, [step, n]) => sum + n * (Math.round(step / usual.value) - 1), 0);
  return {
    dataset: { intervalMs: usual.value },
    note: absent > 0 ? [`rows come every ${usual.value / 1000} s, and ${absent} such moments have none`] : [],
  };
}

/** Flags that are spelled in two ways: what reads one as a text and one as a number misses that they are alike. */
function flagNotes(columns: ReadonlyMap<string, ColumnSketches>): string[] {
  const numeric: string[] = [];
  const spelled = new Map<string, string[]>();
  for (const [name, { numbers, texts }] of columns) {
    const values = numbers?.exactCounts()?.map(([value]) => value);
    if (values?.length === 2 && values[0] === 0 && values[1] === 1 && !texts) numeric.push(name);
    const words = texts?.exactCounts();
    if (words?.size !== 2) continue;
    const pair = [...words.keys()].map((word) => word.trim()).sort();
    if (pair[0]?.toLowerCase() === 'no' && pair[1]?.toLowerCase() === 'yes') {
      spelled.set(pair.join('/'), [...(spelled.get(pair.join('/')) ?? []), name]);
    }
  }
  return [...spelled].flatMap(([pair, names]) =>
    numeric.length > 0
      ? [
          `${numeric.join(', ')} has 0 and 1 where ${names.join(', ')} have ${pair}: flags of one kind, spelled in two ways`,
        ]
      : [],
  );
}
