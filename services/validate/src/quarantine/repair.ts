import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { uuidv5 } from '@perennial/kernel';
import { quoteText } from '@perennial/tables';
import { saveWatch } from '../anomalies/store.js';
import { tellAnomalies } from '../anomalies/tell.js';
import type { HeldReason } from '../causes/findings.js';
import { readRows } from '../effects/read-segment.js';
import { copyWhere } from '../effects/split-segment.js';
import { saveVerifiedFile } from '../effects/verified-files.js';
import { learn } from '../learn.js';
import { segmentKind } from '../messages.js';
import { saveSegmentProfile } from '../profile/profile-store.js';
import { learningRows } from '../schema/learned.js';
import { knowledgeFor, lockKnowledge, type Origin, type Store, saveRecent } from '../store.js';
import { type Means, type Part, type SegmentToVerify, smallRowsMax, verifySegment } from '../verify.js';
import { type RepairOrder, repairFile } from './repair-file.js';
import { type Entry, endEntry, keepRest, lockEntry } from './store.js';

/** A held entry whose repaired rows lie ready to be verified. */
export interface RepairedEntry {
  readonly entry: Entry;
  readonly repaired: SegmentToVerify;
}

/** What came of one entry. */
export interface RepairOutcome {
  readonly rowsRepaired: number;
  readonly rowsStillHeld: number;
  readonly reasons: readonly HeldReason[];
}

/**
 * Computes the repaired rows of one entry: an effect before the transaction. Where the entry has no such column, the
 * ones it has.
 */
export async function prepareRepair(
  means: Means,
  entry: Entry,
  order: RepairOrder,
): Promise<RepairedEntry | { columns: readonly string[] }> {
  const written = await repairFile(means, entry.digest, order);
  if ('columns' in written) return written;
  const { rows, eventTimeMin, eventTimeMax } = entry;
  const { digest } = written;
  return { entry, repaired: await toVerify(means, { digest, rows, eventTimeMin, eventTimeMax }) };
}

/** An entry whose rows are verified again as they came. */
export async function prepareUnchanged(
  means: Means,
  entry: Entry,
  { isReleased }: { isReleased: boolean },
): Promise<RepairedEntry> {
  const { digest, rows, eventTimeMin, eventTimeMax } = entry;
  const repaired = await toVerify(means, { digest, rows, eventTimeMin, eventTimeMax });
  return { entry, repaired: { ...repaired, ...(isReleased && { isReleased: true as const }) } };
}

async function toVerify({ tables, files }: Means, part: Part): Promise<SegmentToVerify> {
  const isSmall = part.rows <= smallRowsMax;
  const smallRows = isSmall ? await readRows(tables, await files.path(part.digest)) : undefined;
  return { ...part, smallRows };
}

/** What is done with held rows, by whom and why. */
export interface Action {
  readonly repairId: string;
  /** repair: by the expression; revalidate: unchanged, by the schema of now; release: unchanged, because somebody said so. */
  readonly action: 'repair' | 'revalidate' | 'release';
  readonly column: string;
  readonly expression: string;
  readonly repairedBy: string;
  readonly reason: string;
}

/**
 * Verifies repaired rows by all that is known and lets the good ones through; the others stay held as they came. An
 * entry that somebody else has repaired meanwhile is left alone.
 */
export async function applyRepair(
  tx: Store,
  emit: Emitter,
  {
    means,
    tenant,
    ready: { entry, repaired },
    repair,
  }: {
    means: Means;
    tenant: string;
    ready: RepairedEntry;
    repair: Action;
  },
): Promise<RepairOutcome | undefined> {
  const current = await lockEntry(tx, tenant, entry.quarantineId);
  if (current?.status !== 'held' || current.digest !== entry.digest) return undefined;
  const origin: Origin = { tenant, source: entry.source, kind: entry.kind };
  const { producer } = entry;
  const known = await lockKnowledge(tx, origin);
  const { files } = means;
  const before = await knowledgeFor(tx, origin, { producer, before: entry.eventTimeMin, known, files });
  // The suspicion was about what the producer sends; it stands for its next rows and not for the repaired ones.
  const { verifiedRows } = before.standing;
  const trusted = { verifiedRows: Math.max(verifiedRows, learningRows), suspicions: [] };
  const standing = repair.action === 'revalidate' ? before.standing : trusted;
  const verified = await verifySegment(repaired, { ...before, standing }, means);
  const { good, held, profile, recent, set } = verified;
  const reasons = held?.reasons ?? [];
  if (!good) return { rowsRepaired: 0, rowsStillHeld: entry.rows, reasons };
  const { version } = await learn(tx, emit, { files, origin, known, profile, now: means.now });
  await saveRecent(tx, origin, recent);
  const segmentId = uuidv5('repaired', entry.quarantineId, repair.repairId);
  if (set) await saveSegmentProfile(tx, origin, { segmentId, ...good, set });
  await saveVerifiedFile(tx, origin, good.digest);
  if (verified.watch) await saveWatch(tx, origin, verified.watch);
  const { warned: ofRows, found: ofSet } = verified;
  await tellAnomalies(tx, emit, {
    clock: { now: () => means.now },
    origin,
    producer,
    segmentId,
    ofRows,
    ofSet,
  });
  await (held ? keepHeldRest(tx, means, entry, held) : endEntry(tx, entry.quarantineId, repair));
  await tellRepaired(emit, { entry, good, version, repair });
  return { rowsRepaired: good.rows, rowsStillHeld: held?.rows ?? 0, reasons };
}

/** The entry shrinks to the rows that did not pass, unrepaired. */
async function keepHeldRest(tx: Store, { tables, files }: Means, entry: Entry, held: Part): Promise<void> {
  const path = await files.path(entry.digest);
  const ids = `select _p_row_id from read_parquet(${quoteText(await files.path(held.digest))})`;
  const digest = await files.store((target) =>
    copyWhere(tables, { path, where: `_p_row_id in (${ids})`, target }),
  );
  const { rows, eventTimeMin, eventTimeMax } = held;
  await keepRest(tx, { ...entry, digest, rows, eventTimeMin, eventTimeMax });
}

async function tellRepaired(
  emit: Emitter,
  {
    entry,
    good,
    version,
    repair,
  }: {
    entry: Entry;
    good: Part;
    version: number;
    repair: Action;
  },
): Promise<void> {
  const { source, producer, quarantineId, recordedEventId } = entry;
  const { repairId, column, expression, repairedBy, action, reason } = repair;
  // Rows that passed at first were told under the recorded segment's id; these are a segment of their own.
  const segmentId = uuidv5('repaired', quarantineId, repairId);
  await emit(events.segmentRepaired, segmentId, {
    repairId,
    quarantineId,
    source,
    column,
    expression,
    rows: good.rows,
    repairedBy,
    action,
    reason,
  });
  await emit(events.segmentVerified, segmentId, {
    segmentId,
    source,
    kind: segmentKind(entry.kind),
    producer,
    digest: good.digest,
    rows: good.rows,
    eventTimeMin: timestampFromMs(good.eventTimeMin),
    eventTimeMax: timestampFromMs(good.eventTimeMax),
    schemaVersion: version,
    repairId,
    recordedEventId,
  });
}
