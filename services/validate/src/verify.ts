import type { SchemaDocument } from '@perennial/spec';
import { quoteText, type Tables } from '@perennial/tables';
import { type HeldReason, reasonsOf } from './causes/findings.js';
import { judgeLarge } from './effects/judge-large.js';
import { profileFile } from './effects/profile-file.js';
import { readAs } from './effects/read-as.js';
import { eventTimeSpan, readRows, segmentColumns } from './effects/read-segment.js';
import type { SegmentFiles } from './effects/segment-files.js';
import { copyWhere, rowsById } from './effects/split-segment.js';
import { formsOfRows, type Profile, profileMerge, reread, withForms } from './profile/profile.js';
import { profileRows } from './profile/profile-rows.js';
import type { SetProfile } from './profile/set-profile.js';
import { formsOf, summariesOf } from './profile/summaries.js';
import type { TextForms } from './profile/text-forms.js';
import { judgeSegment, type Knowledge, type RowVerdict } from './rules/judge-segment.js';
import { recentRows } from './rules/recent.js';
import { passed, type Standing, suspected } from './rules/standing.js';
import { columnsInForce } from './schema/in-force.js';
import { inferSchema, readingsOf } from './schema/learned.js';
import { normalisedCells, normaliseRows } from './schema/normalise.js';
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
  /** The profile of the good rows. */
  readonly set: SetProfile | undefined;
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
  raw: readonly JudgedRow[],
  before: Knowledge,
  { tables, files, now }: Means,
): Promise<Verified> {
  const { known, columns } = readingWith(before, formsOfRows(raw));
  const rows = normaliseRows(columns, raw);
  const { good, held, after } = judgeSegment(rows, known, { timeColumn: eventTimeColumn, now });
  const path = await files.path(segment.digest);
  const partFile = (part: readonly JudgedRow[], replace?: string) => {
    const where = rowsById(part.map((row) => row.rowId));
    return files.store((target) => copyWhere(tables, { path, where, target, ...(replace && { replace }) }));
  };
  const replace = rows === raw ? undefined : normalisedCells(columns, await segmentColumns(tables, path));
  const isWhole = (part: readonly JudgedRow[]) => part.length === rows.length;
  const goodDigest = async () => (isWhole(good) && !replace ? segment.digest : partFile(good, replace));
  const learned = { profile: after.profile, standing: after.standing, recent: good, set: profileRows(good) };
  const goodPart = good.length ? { digest: await goodDigest(), ...spanOf(good) } : undefined;
  if (held.length === 0) return { ...learned, good: goodPart, held: undefined };
  const heldRows = held.map((verdict) => verdict.row);
  // Held rows stay as they came.
  const digest = isWhole(heldRows) ? segment.digest : await partFile(heldRows);
  const reasons = reasonsOf(held, after.schema);
  const part = { digest, ...spanOf(heldRows) };
  return { ...learned, good: goodPart, held: { ...part, reasons, verdicts: held } };
}

/** What is known with what the texts of a segment looked like: they may tell how its own cells are to be read. */
function readingWith(
  before: Knowledge,
  forms: Readonly<Record<string, TextForms>>,
): { known: Knowledge; columns: SchemaDocument['columns'] } {
  const counted = withForms(before.profile, forms);
  const readings = readingsOf(counted, before.schema, before.accepted);
  const profile = reread(counted, readings);
  const schema = inferSchema(profile, before.schema, before.accepted);
  const read = Object.entries(readings).flatMap(([name, reading]) =>
    reading ? [[name, reading] as const] : [],
  );
  // Of a column that comes for the first time nothing else is known yet.
  const columns = { ...Object.fromEntries(read), ...columnsInForce(schema, before.accepted) };
  return { known: { ...before, profile, schema }, columns };
}

async function verifyLarge(segment: SegmentToVerify, before: Knowledge, means: Means): Promise<Verified> {
  const { tables, files, now } = means;
  const rawPath = await files.path(segment.digest);
  const raw = await profileFile(tables, rawPath);
  const { known, columns } = readingWith(before, formsOf(raw));
  const read = await readAs(means, rawPath, { columns, schema: known.schema });
  const path = read.digest ? await files.path(read.digest) : rawPath;
  const set = read.digest ? await profileFile(tables, path) : raw;
  const context = { known, summaries: summariesOf(set), timeColumn: eventTimeColumn, now };
  const judged = await judgeLarge(tables, path, context);
  const reasons = [...read.unreadable, ...judged.reasons];
  const goodWhere = `not ${judged.heldWhere}`;
  const goodRows = set.rows - judged.held;
  const standing = reasons
    .filter(({ rule }) => rule === 'unit-change')
    .reduce(
      (after, { column, relation }) => suspected(after, column, relation),
      passed(known.standing, goodRows),
    );
  const goodIds = `select _p_row_id from read_parquet(${quoteText(path)}) where ${goodWhere}`;
  const heldWhere = goodRows === 0 ? 'true' : `_p_row_id not in (${goodIds})`;
  // Held rows stay as they came.
  const heldPart = () =>
    partOf(means, { segment, path: rawPath, where: heldWhere, rows: segment.rows - goodRows });
  const withStanding = {
    standing,
    held: goodRows < segment.rows ? { ...(await heldPart()), reasons, verdicts: [] } : undefined,
  };
  if (goodRows === 0)
    return { ...withStanding, profile: known.profile, recent: [], good: undefined, set: undefined };
  const readSegment = { ...segment, digest: read.digest ?? segment.digest, rows: set.rows };
  const good = judged.held ? await profileFile(tables, path, goodWhere) : set;
  return {
    ...withStanding,
    profile: profileMerge(known.profile, good.rows, summariesOf(good)),
    recent: await readRows(tables, path, { where: goodWhere, newest: recentRows }),
    good: await partOf(means, { segment: readSegment, path, where: goodWhere, rows: goodRows }),
    set: good,
  };
}

/** The rows of a file that satisfy `where`, as a file of their own; the file itself where that is all of them. */
async function partOf(
  { tables, files }: Means,
  { segment, path, where, rows }: { segment: Part; path: string; where: string; rows: number },
): Promise<Part> {
  const span = () => eventTimeSpan(tables, path, where);
  if (rows === segment.rows) return { digest: segment.digest, rows, ...(await span()) };
  const digest = await files.store((target) => copyWhere(tables, { path, where, target }));
  return { digest, ...(await span()), rows };
}

function spanOf(rows: readonly JudgedRow[]): Omit<Part, 'digest'> {
  const times = rows.map((row) => row.eventTime);
  return {
    rows: rows.length,
    eventTimeMin: times.reduce((a, b) => Math.min(a, b)),
    eventTimeMax: times.reduce((a, b) => Math.max(a, b)),
  };
}
