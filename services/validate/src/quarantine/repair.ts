import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { uuidv5 } from '@perennial/kernel';
import { quoteText } from '@perennial/tables';
import type { HeldReason } from '../causes/findings.js';
import { readRows } from '../effects/read-segment.js';
import { copyWhere } from '../effects/split-segment.js';
import { learn } from '../learn.js';
import { segmentKind } from '../messages.js';
import { saveSegmentProfile } from '../profile/profile-store.js';
import { learningRows } from '../schema/learned.js';
import { findStanding, knowledgeFor, lockKnowledge, type Origin, type Store, saveRecent } from '../store.js';
import { type Means, type Part, type SegmentToVerify, smallRowsMax, verifySegment } from '../verify.js';
import { type RepairOrder, repairFile } from './repair-file.js';
import { type Entry, keepRest, lockEntry, markRepaired } from './store.js';

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
  const smallRows =
    rows > smallRowsMax ? undefined : await readRows(means.tables, await means.files.path(digest));
  return { entry, repaired: { digest, rows, eventTimeMin, eventTimeMax, smallRows } };
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
    repair: { repairId: string; column: string; expression: string; repairedBy: string };
  },
): Promise<RepairOutcome | undefined> {
  const current = await lockEntry(tx, tenant, entry.quarantineId);
  if (current?.status !== 'held' || current.digest !== entry.digest) return undefined;
  const origin: Origin = { tenant, source: entry.source, kind: entry.kind };
  const { producer } = entry;
  const known = await lockKnowledge(tx, origin);
  const before = await knowledgeFor(tx, origin, { producer, before: entry.eventTimeMin, known });
  // The suspicion was about what the producer sends; it stands for its next rows and not for the repaired ones.
  const { verifiedRows } = await findStanding(tx, origin, producer);
  const standing = { verifiedRows: Math.max(verifiedRows, learningRows), suspicions: [] };
  const { good, held, profile, recent, set } = await verifySegment(repaired, { ...before, standing }, means);
  const reasons = held?.reasons ?? [];
  if (!good) return { rowsRepaired: 0, rowsStillHeld: entry.rows, reasons };
  const { files, now } = means;
  const { version } = await learn(tx, emit, { files, origin, known, profile, now });
  await saveRecent(tx, origin, recent);
  const segmentId = uuidv5('repaired', entry.quarantineId, repair.repairId);
  if (set) await saveSegmentProfile(tx, origin, { segmentId, ...good, set });
  await (held ? keepHeldRest(tx, means, entry, held) : markRepaired(tx, entry.quarantineId, repair.repairId));
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
    repair: { repairId: string; column: string; expression: string; repairedBy: string };
  },
): Promise<void> {
  const { source, producer, quarantineId, recordedEventId } = entry;
  const { repairId, column, expression, repairedBy } = repair;
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
