import { quoteText, type Tables } from '@perennial/tables';
import type { WatchState } from './anomalies/watch.js';
import { type HeldReason, reasonsOf } from './causes/findings.js';
import { judgeLarge } from './effects/judge-large.js';
import { profileFile } from './effects/profile-file.js';
import { readAs } from './effects/read-as.js';
import { eventTimeSpan, readRows, type SegmentColumns, segmentColumns } from './effects/read-segment.js';
import type { SegmentFiles } from './effects/segment-files.js';
import { copyWhere, rowsById } from './effects/split-segment.js';
import { watchFile, watchRows } from './effects/watch-rows.js';
import { judgeTogether, type RowsTogether } from './judge-together.js';
import { formsOfRows, type Profile, profileMerge } from './profile/profile.js';
import { profileRows } from './profile/profile-rows.js';
import type { SetProfile } from './profile/set-profile.js';
import { formsOf, summariesOf } from './profile/summaries.js';
import { readTable } from './rules/declared.js';
import { judgeSegment, type Knowledge, type RowVerdict } from './rules/judge-segment.js';
import { recentRows } from './rules/recent.js';
import { type Ruling, rulingOf } from './rules/ruling.js';
import { passed, type Standing, suspected } from './rules/standing.js';
import { normalisedCells, normaliseRows } from './schema/normalise.js';
import type { JudgedRow } from './schema/value.js';
import { readingWith } from './verify-reading.js';

/** Up to so many rows a segment is judged row by row, learning as it goes; beyond, by sets. Half a second of work. */
export const smallRowsMax = 1_000;

/** The event time of a row stands in every segment under this name. */
export const eventTimeColumn = '_p_event_time';

export interface Part {
  readonly digest: string;
  readonly rows: number;
  /** Ms since the epoch. */
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
}

/** What came of a segment: the files of its good and of its held rows, and what was learned. */
export interface Verified {
  readonly good: Part | undefined;
  readonly held: (Part & { reasons: readonly HeldReason[]; verdicts: readonly RowVerdict[] }) | undefined;
  readonly profile: Profile;
  readonly standing: Standing;
  /** Good rows to compare later ones with, oldest first. */
  readonly recent: readonly JudgedRow[];
  /** The profile of the good rows. */
  readonly set: SetProfile | undefined;
  /** What is odd about rows that passed: each broke a rule that is only told, or all of them together show it. */
  readonly warned: readonly HeldReason[];
  readonly found: readonly HeldReason[];
  /** Where the source stands now; absent where nothing passed. */
  readonly watch: WatchState | undefined;
}

export interface SegmentToVerify extends Part {
  /** Rows of a small segment, read before the transaction. */
  readonly smallRows: readonly JudgedRow[] | undefined;
  /** Somebody said that they are good: only cells that cannot be read are held. */
  readonly isReleased?: true;
  /** Why all of its rows are held whatever they hold. */
  readonly hold?: string;
}

export interface Means {
  readonly tables: Tables;
  readonly files: SegmentFiles;
  /** Process time in ms. */
  readonly now: number;
}

/** Splits a segment into good and held rows by what is known. Writes files only where both parts have rows. */
export function verifySegment(segment: SegmentToVerify, known: Knowledge, means: Means): Promise<Verified> {
  if (segment.hold) return verifyHeld(segment, segment.hold, known, means);
  return segment.smallRows
    ? verifySmall(segment, segment.smallRows, known, means)
    : verifyLarge(segment, known, means);
}

async function verifySmall(
  segment: SegmentToVerify,
  raw: readonly JudgedRow[],
  before: Knowledge,
  means: Means,
): Promise<Verified> {
  const { tables, files, now } = means;
  const { known, columns } = readingWith(before, formsOfRows(raw));
  const rows = normaliseRows(columns, raw);
  const path = await files.path(segment.digest);
  const ruling = rulingOf(before);
  const physical = () => segmentColumns(tables, path);
  const written = await withBroken(tables, path, { ruling, keysOf: before.keysOf, physical });
  const { good, held, warned, after } = judgeSegment(rows, known, {
    ...{ timeColumn: eventTimeColumn, now, written, isReleased: segment.isReleased ?? false },
  });
  const heldReasons = () => named(reasonsOf(held, after.schema), new Set(rows.flatMap(namesOf)));
  const set = profileRows(good);
  const together = good.length
    ? await judgeTogether(smallTogether(good, set, after.profile), before, ruling)
    : undefined;
  const told = { warned: reasonsOf(warned, after.schema), found: together?.found ?? [] };
  if (together?.found.some(isHold) && !segment.isReleased) {
    const verdicts = rows.map((row) => held.find((one) => one.row === row) ?? { row, violations: [] });
    const reasons = [...together.found.filter(isHold), ...heldReasons()];
    return { ...heldWhole(segment, before, { reasons, verdicts }), ...told };
  }
  const partFile = (part: readonly JudgedRow[], replace?: string) => {
    const where = rowsById(part.map((row) => row.rowId));
    return files.store((target) => copyWhere(tables, { path, where, target, ...(replace && { replace }) }));
  };
  const replace = rows === raw ? undefined : normalisedCells(columns, await physical());
  const isWhole = (part: readonly JudgedRow[]) => part.length === rows.length;
  const goodDigest = async () => (isWhole(good) && !replace ? segment.digest : partFile(good, replace));
  const learned = {
    ...told,
    ...{ profile: after.profile, standing: after.standing, recent: good, set, watch: together?.watch },
  };
  const goodPart = good.length ? { digest: await goodDigest(), ...spanOf(good) } : undefined;
  if (held.length === 0) return { ...learned, good: goodPart, held: undefined };
  const heldRows = held.map((verdict) => verdict.row);
  // Held rows stay as they came.
  const digest = isWhole(heldRows) ? segment.digest : await partFile(heldRows);
  const part = { digest, ...spanOf(heldRows) };
  return { ...learned, good: goodPart, held: { ...part, reasons: heldReasons(), verdicts: held } };
}

function smallTogether(good: readonly JudgedRow[], set: SetProfile, profile: Profile): RowsTogether {
  return {
    ...{ set, profile, first: good, eventTimeMin: good[0]?.eventTime ?? 0 },
    follow: (watch) => watchRows(watch, good),
    rowAt: (time) => good.find(({ eventTime }) => eventTime === time)?.rowId ?? '',
  };
}

function namesOf({ values }: JudgedRow): string[] {
  return Object.keys(values).filter((name) => values[name] !== undefined);
}

function isHold({ severity }: HeldReason): boolean {
  return severity === 'hold';
}

/** A column that no row has is gone, and not only missing in some. */
function named(reasons: readonly HeldReason[], columns: { has(name: string): boolean }): HeldReason[] {
  return reasons.map((reason) =>
    reason.rule === 'presence' && !columns.has(reason.column)
      ? { ...reason, type: 'SCHEMA_MISSING_COLUMN' }
      : reason,
  );
}

/** Everything is held, and nothing learned. */
function heldWhole(
  { digest, rows, eventTimeMin, eventTimeMax }: Part,
  { profile, standing }: Knowledge,
  { reasons, verdicts }: { reasons: readonly HeldReason[]; verdicts: readonly RowVerdict[] },
): Verified {
  return {
    ...{ good: undefined, profile, standing, recent: [], set: undefined, watch: undefined },
    ...{ warned: [], found: [] },
    held: { digest, rows, eventTimeMin, eventTimeMax, reasons, verdicts },
  };
}

/** A segment that its source holds whatever is in it, for example because its rows are late. */
async function verifyHeld(
  segment: SegmentToVerify,
  hold: string,
  before: Knowledge,
  { tables, files }: Means,
): Promise<Verified> {
  const first = segment.smallRows ?? (await readRows(tables, await files.path(segment.digest), { first: 1 }));
  const reason: HeldReason = {
    ...{ rule: hold, column: eventTimeColumn, relation: '', suggestedExpression: '', severity: 'hold' },
    type: 'HELD_BY_SOURCE',
    suspectedCause: hold === 'late' ? 'rows came after the watermark of their source' : hold,
    evidence: `the source holds what is ${hold}; release it to have it verified`,
    ...{ firstRowId: first[0]?.rowId ?? '', firstEventTime: segment.eventTimeMin, rows: segment.rows },
  };
  return heldWhole(segment, before, { reasons: [reason], verdicts: [] });
}

/** Ids of the rows that break rules about rows elsewhere, which only SQL sees. */
async function withBroken(
  tables: Tables,
  path: string,
  {
    ruling,
    keysOf = nothingElsewhere,
    physical,
  }: { ruling: Ruling; keysOf?: Knowledge['keysOf']; physical: () => Promise<SegmentColumns> },
): Promise<Ruling> {
  const rules = ruling.rules.filter(({ isReference }) => isReference);
  if (rules.length === 0) return ruling;
  const table = readTable(ruling.document, await physical(), keysOf);
  const broken = new Map<string, ReadonlySet<string>>();
  for (const rule of rules) {
    const rows = await tables.rows(
      `select _p_row_id as id from read_parquet(${quoteText(path)}) where ${rule.condition(table)}`,
    );
    broken.set(rule.rule, new Set(rows.map(({ id }) => String(id))));
  }
  return { ...ruling, broken };
}

const nothingElsewhere: NonNullable<Knowledge['keysOf']> = ({ to }) =>
  `select ${to.length === 1 ? 'null::varchar' : `(${to.map(() => 'null::varchar').join(', ')})`} where false`;

async function verifyLarge(segment: SegmentToVerify, before: Knowledge, means: Means): Promise<Verified> {
  const { tables, files, now } = means;
  const rawPath = await files.path(segment.digest);
  const raw = await profileFile(tables, rawPath);
  const { known, columns } = readingWith(before, formsOf(raw));
  const read = await readAs(means, rawPath, { columns, schema: known.schema });
  const path = read.digest ? await files.path(read.digest) : rawPath;
  const set = read.digest ? await profileFile(tables, path) : raw;
  const ruling = rulingOf(before);
  const judged = await judgeLarge(tables, path, {
    ...{ known, summaries: summariesOf(set), timeColumn: eventTimeColumn, now, written: ruling },
    keysOf: before.keysOf ?? nothingElsewhere,
    isReleased: segment.isReleased ?? false,
  });
  const ofRows = named([...read.unreadable, ...judged.reasons], set.columns);
  const [reasons, warned] = [
    ofRows.filter(({ severity }) => severity !== 'warn'),
    ofRows.filter(({ severity }) => severity === 'warn'),
  ];
  const goodWhere = `not ${judged.heldWhere}`;
  const goodRows = set.rows - judged.held;
  const standing = reasons
    .filter(({ rule }) => rule === 'unit-change')
    .reduce(
      (after, { column, relation }) => suspected(after, column, relation),
      passed(known.standing, goodRows),
    );
  const goodIds = `select _p_row_id from read_parquet(${quoteText(path)}) where ${goodWhere}`;
  const otherRows = read.digest ? `_p_row_id not in (${goodIds})` : judged.heldWhere;
  const heldWhere = goodRows === 0 ? 'true' : otherRows;
  // Held rows stay as they came.
  const heldPart = () =>
    partOf(means, { segment, path: rawPath, where: heldWhere, rows: segment.rows - goodRows });
  const withStanding = {
    ...{ standing, warned, found: [], watch: undefined },
    held: goodRows < segment.rows ? { ...(await heldPart()), reasons, verdicts: [] } : undefined,
  };
  if (goodRows === 0)
    return { ...withStanding, profile: known.profile, recent: [], good: undefined, set: undefined };
  const readSegment = { ...segment, digest: read.digest ?? segment.digest, rows: set.rows };
  // Written before it is looked at: what is asked of the good rows from here on is asked of a file that has no others.
  const good = await partOf(means, { segment: readSegment, path, where: goodWhere, rows: goodRows });
  const goodPath = await files.path(good.digest);
  const goodSet = judged.held ? await profileFile(tables, goodPath) : set;
  const profile = profileMerge(known.profile, goodSet.rows, summariesOf(goodSet));
  const rows = await largeTogether(tables, goodPath, { where: 'true', set: goodSet, profile });
  const { found, watch } = await judgeTogether(rows, before, ruling);
  if (found.some(isHold) && !segment.isReleased) {
    const whole = { reasons: [...found.filter(isHold), ...reasons], verdicts: [] };
    return { ...heldWhole(segment, before, whole), warned, found };
  }
  return {
    ...withStanding,
    ...{ profile, found, watch },
    recent: await readRows(tables, goodPath, { newest: recentRows }),
    good,
    set: goodSet,
  };
}

async function largeTogether(
  tables: Tables,
  path: string,
  { where, set, profile }: { where: string; set: SetProfile; profile: Profile },
): Promise<RowsTogether> {
  const columns = await segmentColumns(tables, path);
  const first = await readRows(tables, path, { where, first: recentRows });
  return {
    ...{ set, profile, first, eventTimeMin: first[0]?.eventTime ?? 0 },
    follow: (watch) => watchFile(watch, tables, { path, where, columns }),
    rowAt: async (time) => {
      const at = `${where} and epoch_ms(_p_event_time) = ${time}`;
      return (await readRows(tables, path, { where: at, first: 1 }))[0]?.rowId ?? '';
    },
  };
}

/** The rows of a file that satisfy `where`, as a file of their own; the file itself where that is all of them. */
async function partOf(
  { tables, files }: Means,
  { segment, path, where, rows }: { segment: Part; path: string; where: string; rows: number },
): Promise<Part> {
  const isWhole = rows === segment.rows;
  const digest = isWhole
    ? segment.digest
    : await files.store((target) => copyWhere(tables, { path, where, target }));
  return { digest, rows, ...(await eventTimeSpan(tables, await files.path(digest), 'true')) };
}

function spanOf(rows: readonly JudgedRow[]): Omit<Part, 'digest'> {
  const times = rows.map((row) => row.eventTime);
  return {
    rows: rows.length,
    eventTimeMin: times.reduce((a, b) => Math.min(a, b)),
    eventTimeMax: times.reduce((a, b) => Math.max(a, b)),
  };
}
