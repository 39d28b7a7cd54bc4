import { reasonOfSet, type SetFinding } from './anomalies/finding.js';
import { judgeSet } from './anomalies/judge-set.js';
import { swappedColumns } from './anomalies/swapped.js';
import { Watch, type WatchState } from './anomalies/watch.js';
import type { HeldReason } from './causes/findings.js';
import type { Profile } from './profile/profile.js';
import type { SetProfile } from './profile/set-profile.js';
import type { Knowledge } from './rules/judge-segment.js';
import { type Ruling, severityOfSet } from './rules/ruling.js';
import { variesAboutLevel } from './rules/tails.js';
import type { JudgedRow } from './schema/value.js';

/** The rows of a segment that passed one by one. */
export interface RowsTogether {
  readonly set: SetProfile;
  /** What is known with them. */
  readonly profile: Profile;
  readonly eventTimeMin: number;
  /** Its first few rows in event-time order. */
  readonly first: readonly JudgedRow[];
  /** Shows all of them to the watch, in event-time order. */
  readonly follow: (watch: Watch) => Promise<void> | void;
  /** The id of a row with this event time; empty where none has it. */
  readonly rowAt: (eventTime: number) => Promise<string> | string;
}

/** What the rows show together: as reasons, and where the source stands with them. */
export async function judgeTogether(
  rows: RowsTogether,
  before: Knowledge,
  ruling: Ruling,
): Promise<{ found: HeldReason[]; watch: WatchState }> {
  const { set, profile, eventTimeMin } = rows;
  const { document } = ruling;
  const { dataset } = document;
  const watch = new Watch(before.watch, { columns: watchedColumns(profile), dataset, begin: eventTimeMin });
  const usualSteps = new Map([...watch.stepSizes].map(([column, steps]) => [column, { ...steps }] as const));
  await rows.follow(watch);
  const extremesOf = (column: string) => {
    const { min = Number.NaN, max = Number.NaN } = profile.columns[column] ?? {};
    return { min, max };
  };
  const findings: SetFinding[] = [
    ...judgeSet({
      ...{ set, document, accepted: ruling.accepted, profile: before.profile },
      previous: before.previous,
    }),
    ...watch.findings(dataset, extremesOf, set.rows),
    ...swappedColumns(before.recent, rows.first, usualSteps),
  ];
  const found: HeldReason[] = [];
  for (const finding of findings) {
    const severity = severityOfSet(finding, document);
    const at = finding.firstEventTime ?? eventTimeMin;
    const firstRowId = finding.gaps ? '' : await rows.rowAt(at);
    found.push(reasonOfSet({ ...finding, severity }, { firstRowId, firstEventTime: at }));
  }
  return { found, watch: watch.state };
}

/** Columns whose values vary about a level: bursts stand still and jump by themselves. */
function watchedColumns(profile: Profile): string[] {
  return Object.entries(profile.columns).flatMap(([name, { type, sketch }]) =>
    type === 'number' && sketch && variesAboutLevel(sketch) ? [name] : [],
  );
}
