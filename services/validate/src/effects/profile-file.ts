import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import { addText, addTimes } from '../profile/profile-rows.js';
import { emptySetProfile, type SetProfile } from '../profile/set-profile.js';
import { NumberSketch } from '../profile/sketches/number-sketch.js';
import { type SegmentColumns, segmentColumns } from './read-segment.js';

/**
 * The profile of a segment file's rows that satisfy `where`: one pass over its numbers, which are sketched here while
 * the engine reads on, and one over each text column, which the engine counts.
 */
export async function profileFile(tables: Tables, path: string, where?: string): Promise<SetProfile> {
  const columns = await segmentColumns(tables, path);
  const file: File = { path, where, from: `from read_parquet(${quoteText(path)}) where ${where ?? 'true'}` };
  const profile = emptySetProfile();
  const { rows, missing, times } = await countMissing(tables, file, columns);
  profile.rows = rows;
  for (const name of columns.keys()) profile.columns.set(name, { missing: missing.get(name) ?? 0 });
  const lane = await tables.lane();
  try {
    await Promise.all([
      profileNumbers(tables, profile, { columns, times, file }),
      profileTexts(lane, profile, { columns, file }),
    ]);
  } finally {
    await lane.close();
  }
  return profile;
}

interface File {
  readonly path: string;
  readonly where: string | undefined;
  readonly from: string;
}

/** Rows, missing cells by column, and the columns whose numbers may repeat the event time; of a whole file its own notes say it. */
async function countMissing(
  tables: Tables,
  file: File,
  columns: SegmentColumns,
): Promise<{ rows: number; missing: Map<string, number>; times: ReadonlySet<string> }> {
  const notes = await tables.rows(
    `select path_in_schema as name, sum(num_values)::double as n, sum(stats_null_count)::double as missing,
       max(try_cast(stats_max_value as double)) as high, count(*) = count(stats_null_count) as isTold
     from parquet_metadata(${quoteText(file.path)}) group by 1`,
  );
  const time = notes.find(({ name }) => name === '_p_event_time');
  // Ms since the epoch are larger than nearly any quantity; what says nothing of its numbers might hold some.
  const times = new Set(
    notes.filter(({ high }) => high === null || Number(high) > timeMin).map(({ name }) => String(name)),
  );
  const isTold = notes.every((note) => note['isTold'] === true);
  if (file.where === undefined && isTold && time && times.size === notes.filter(isNoNumber).length) {
    const missing = new Map(notes.map((note) => [String(note['name']), Number(note['missing'])]));
    return { rows: Number(time['n']), missing, times: new Set() };
  }
  const names = [...columns.keys()];
  const counts = names.map((name, i) => `count(${cellOf(name, columns, times)}) as present${i}`);
  const [row = {}] = await tables.rows(`select ${['count(*) as n', ...counts].join(', ')} ${file.from}`);
  const rows = Number(row['n']);
  return { rows, missing: new Map(names.map((name, i) => [name, rows - Number(row[`present${i}`])])), times };

  function isNoNumber({ name }: Record<string, unknown>): boolean {
    return columns.get(String(name)) !== 'number';
  }
}

/** Numbers of ours that are times begin in March 1973. */
const timeMin = 1e11;

/** The cell; one that repeats the event time is no number of its own. */
function cellOf(name: string, columns: SegmentColumns, times: ReadonlySet<string>): string {
  const cell = quoteIdentifier(name);
  if (columns.get(name) !== 'number' || !times.has(name)) return cell;
  return `(case when ${cell} = epoch_ms(_p_event_time) then null else ${cell} end)`;
}

/** Each text once with its count: few are counted in the engine, and none is handed over twice. */
async function profileTexts(
  tables: Tables,
  profile: SetProfile,
  { columns, file }: { columns: SegmentColumns; file: File },
): Promise<void> {
  for (const [name, type] of columns) {
    const column = profile.columns.get(name);
    if (type !== 'text' || !column || column.missing === profile.rows) continue;
    const cell = quoteIdentifier(name);
    const { value = [], n = [] } = await tables.columns(
      `select ${cell} as value, count(*)::double as n ${file.from} and ${cell} is not null group by 1`,
    );
    for (const [i, text] of (value as string[]).entries()) addText(column, text, n[i] as number);
  }
}

async function profileNumbers(
  tables: Tables,
  profile: SetProfile,
  { columns, times, file }: { columns: SegmentColumns; times: ReadonlySet<string>; file: File },
): Promise<void> {
  const names = [...columns].filter(([, type]) => type !== 'text').map(([name]) => name);
  const sketches = names.map(() => new NumberSketch({ expected: profile.rows }));
  // Null is handed over as NaN either way, and without null the engine's memory is read as it is.
  const cells = names.map((name) => `coalesce(${cellOf(name, columns, times)}::double, 'nan'::double)`);
  let last: number | undefined;
  await tables.numbers(
    `select ${['epoch_ms(_p_event_time)::double', ...cells].join(', ')} ${file.from}`,
    ([eventTimes, ...arrays], rowCount) => {
      if (eventTimes) last = addTimes(profile, eventTimes, rowCount, last);
      for (const [i, values] of arrays.entries()) sketches[i]?.addAll(values, rowCount);
    },
  );
  for (const [i, name] of names.entries()) {
    const [column, sketch] = [profile.columns.get(name), sketches[i]];
    if (!column || !sketch) continue;
    sketch.nan -= column.missing;
    if (columns.get(name) === 'boolean') column.booleans = booleansOf(sketch);
    else if (sketch.moments.count + sketch.nan + sketch.infinite > 0) column.numbers = sketch;
  }
}

function booleansOf(sketch: NumberSketch): { yes: number; no: number } {
  const counts = new Map(sketch.exactCounts());
  return { yes: counts.get(1) ?? 0, no: counts.get(0) ?? 0 };
}
