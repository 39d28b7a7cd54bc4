import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import type { SetProfile } from '../profile/set-profile.js';
import { type HourOfRow, hourNote, hourRelation } from '../schema/zones.js';

/** Rows looked at in each file. */
const rowsPerFile = 2_000;

/** Notes on columns that give the hour of the day in another zone than the instants beside them. */
export async function zoneNotes(
  tables: Tables,
  paths: readonly string[],
  profile: SetProfile,
): Promise<string[]> {
  const times = columnsOf(
    profile,
    ({ forms }) => forms !== undefined && forms.zoned > 0 && forms.zoned === forms.texts - forms.blank,
  );
  const hours = columnsOf(profile, ({ numbers }) => {
    const counts = numbers?.exactCounts();
    return counts?.length === 24 && counts.every(([value], i) => value === i);
  });
  // Where no column has instants the event time is what the hours are compared with.
  const instants = times.length > 0 ? times : ['_p_event_time'];
  const notes: string[] = [];
  for (const hour of hours) {
    for (const time of instants) {
      const note = hourNote(
        hour,
        time === '_p_event_time' ? 'the event time' : time,
        hourRelation(await pairs(tables, paths, { hour, time })),
      );
      if (note) notes.push(note);
    }
  }
  return notes;
}

function columnsOf(
  profile: SetProfile,
  is: (column: NonNullable<ReturnType<SetProfile['columns']['get']>>) => boolean | undefined,
): string[] {
  return [...profile.columns].filter(([, column]) => is(column)).map(([name]) => name);
}

async function pairs(
  tables: Tables,
  paths: readonly string[],
  { hour, time }: { hour: string; time: string },
): Promise<HourOfRow[]> {
  const rows: HourOfRow[] = [];
  for (const path of paths) {
    const cell = `epoch_ms(try_cast(${quoteIdentifier(time)}::varchar as timestamptz) at time zone 'UTC')::double`;
    const { instant: at = [], hours = [] } = await tables.columns(
      `select ${cell} as instant, ${quoteIdentifier(hour)} as hours from read_parquet(${quoteText(path)})
       where instant is not null and hours is not null order by hash(_p_row_id) limit ${rowsPerFile}`,
    );
    for (const [i, one] of (at as Float64Array).entries()) rows.push({ time: one, hour: Number(hours[i]) });
  }
  return rows;
}
