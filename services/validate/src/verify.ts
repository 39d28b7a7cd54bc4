import type { Tables } from '@perennial/tables';
import { type HeldReason, reasonsOf } from './causes/findings.js';
import { judgeLarge } from './effects/judge-large.js';
import { eventTimeSpan, readRows, summarizeFile } from './effects/read-segment.js';
import type { SegmentFiles } from './effects/segment-files.js';
import { copyWhere, rowsById } from './effects/split-segment.js';
import { type Profile, profileMerge } from './profile/profile.js';
import { judgeSegment, type Knowledge, type RowVerdict } from './rules/judge-segment.js';
import { recentRows } from './rules/recent.js';
import { passed, type Standing, suspected } from './rules/standing.js';
import type { JudgedRow } from './schema/value.js';

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
}

export interface SegmentToVerify extends Part {
  /** Rows of a small segment, read before the transaction. */
  readonly smallRows: readonly JudgedRow[] | undefined;
}

export interface Means {
  readonly tables: Tables;
  readonly files: SegmentFiles;
  /** Process time in ms. */
  readonly now: number;
}

/** Splits a segment into good and held rows by what is known. Writes files only where both parts have rows. */
export function verifySegment(segment: SegmentToVerify, known: Knowledge, means: Means): Promise<Verified> {
  return segment.smallRows
    ? verifySmall(segment, segment.smallRows, known, means)
    : verifyLarge(segment, known, means);
}

async function verifySmall(
  segment: SegmentToVerify,
  rows: readonly JudgedRow[],
  known: Knowledge,
  { tables, files, now }: Means,
): Promise<Verified> {
  const { good, held, after } = judgeSegment(rows, known, { timeColumn: eventTimeColumn, now });
  const heldRows = held.map((verdict) => verdict.row);
  const partFile = async (part: readonly JudgedRow[]) => {
    const path = await files.path(segment.digest);
    const where = rowsById(part.map((row) => row.rowId));
    return files.store((target) => copyWhere(tables, { path, where, target }));
  };
  const digestOf = (part: readonly JudgedRow[]) =>
    part.length === rows.length ? segment.digest : partFile(part);
  const learned = { profile: after.profile, standing: after.standing, recent: good };
  const goodPart = good.length ? { digest: await digestOf(good), ...spanOf(good) } : undefined;
  if (held.length === 0) return { ...learned, good: goodPart, held: undefined };
  const part = { digest: await digestOf(heldRows), ...spanOf(heldRows) };
  return {
    ...learned,
    good: goodPart,
    held: { ...part, reasons: reasonsOf(held, after.schema), verdicts: held },
  };
}

async function verifyLarge(segment: SegmentToVerify, known: Knowledge, means: Means): Promise<Verified> {
  const { tables, files, now } = means;
  const path = await files.path(segment.digest);
  const all = await summarizeFile(tables, path, 'true');
  const context = { known, summaries: all.columns, timeColumn: eventTimeColumn, now };
  const { held, heldWhere, reasons } = await judgeLarge(tables, path, context);
  const goodWhere = `not ${heldWhere}`;
  const partOf = async (where: string, rows: number): Promise<Part> => {
    if (rows === segment.rows) return segment;
    const digest = await files.store((target) => copyWhere(tables, { path, where, target }));
    return { digest, ...(await eventTimeSpan(tables, path, where)), rows };
  };
  const goodRows = segment.rows - held;
  const standing = reasons
    .filter(({ rule }) => rule === 'unit-change')
    .reduce(
      (after, { column, relation }) => suspected(after, column, relation),
      passed(known.standing, goodRows),
    );
  const withStanding = {
    standing,
    held: held ? { ...(await partOf(heldWhere, held)), reasons, verdicts: [] } : undefined,
  };
  if (goodRows === 0) return { ...withStanding, profile: known.profile, recent: [], good: undefined };
  const summary = held ? await summarizeFile(tables, path, goodWhere) : all;
  return {
    ...withStanding,
    profile: profileMerge(known.profile, summary.rows, summary.columns),
    recent: await readRows(tables, path, { where: goodWhere, newest: recentRows }),
    good: await partOf(goodWhere, goodRows),
  };
}

function spanOf(rows: readonly JudgedRow[]): Omit<Part, 'digest'> {
  const times = rows.map((row) => row.eventTime);
  return {
    rows: rows.length,
    eventTimeMin: times.reduce((a, b) => Math.min(a, b)),
    eventTimeMax: times.reduce((a, b) => Math.max(a, b)),
  };
}
