import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Emitter, handler, type ReceivedEvent } from '@perennial/bus';
import { events, type SegmentRecorded } from '@perennial/contracts';
import { type Clock, uuidv5 } from '@perennial/kernel';
import type { Tables } from '@perennial/tables';
import { saveWatch } from '../anomalies/store.js';
import { tellAnomalies } from '../anomalies/tell.js';
import { readRows } from '../effects/read-segment.js';
import type { SegmentFiles } from '../effects/segment-files.js';
import { saveVerifiedFile } from '../effects/verified-files.js';
import { learn } from '../learn.js';
import { findingOf, kindOf } from '../messages.js';
import { saveSegmentProfile } from '../profile/profile-store.js';
import { type Entry, saveEntry, saveJudged, wasJudged } from '../quarantine/store.js';
import { knowledgeFor, lockKnowledge, type Origin, type Store, saveRecent, saveStanding } from '../store.js';
import { type SegmentToVerify, smallRowsMax, type Verified, verifySegment } from '../verify.js';

export interface HandlerMeans {
  readonly tenant: string;
  readonly clock: Clock;
  readonly tables: Tables;
  readonly files: SegmentFiles;
}

/** Findings about rows that passed which their event carries. */
const findingsMax = 100;

/** Splits a recorded segment into good and held rows, and learns from the good ones. */
export function segmentRecorded(means: HandlerMeans) {
  const { tables, files } = means;
  return handler({
    consumer: 'validate-segment-recorded',
    event: events.segmentRecorded,
    pace: 'fast',
    prepare: async ({ body }) =>
      body.rows > smallRowsMax ? undefined : readRows(tables, await files.path(body.digest)),
    handle: async ({ event, prepared, tx, emit }) => {
      const db = tx as unknown as Store;
      const { body } = event;
      if (await wasJudged(db, body.segmentId)) return;
      const origin = { tenant: means.tenant, source: body.source, kind: kindOf(body.kind) };
      const known = await lockKnowledge(db, origin);
      const segment = toVerify(body, prepared);
      const { producer } = body;
      const before = segment.eventTimeMin;
      const knowledge = await knowledgeFor(db, origin, { producer, before, known, files });
      const now = means.clock.now();
      const verified = await verifySegment(segment, knowledge, { tables, files, now });
      const { version } = await learn(db, emit, { files, origin, known, profile: verified.profile, now });
      await saveStanding(db, origin, producer, verified.standing);
      await saveRecent(db, origin, verified.recent);
      const { good, set } = verified;
      if (good && set) await saveSegmentProfile(db, origin, { segmentId: body.segmentId, ...good, set });
      if (good) await saveVerifiedFile(db, origin, good.digest);
      if (verified.watch) await saveWatch(db, origin, verified.watch);
      const counts = { good: verified.good?.rows ?? 0, held: verified.held?.rows ?? 0 };
      const { segmentId } = body;
      await saveJudged(db, origin, { segmentId, producer, ...counts, schemaVersion: version, now });
      await tellAnomalies(db, emit, {
        ...{ clock: means.clock, origin, producer, segmentId },
        ofRows: [
          ...(verified.held?.reasons ?? []).filter((one) => !verified.found.includes(one)),
          ...verified.warned,
        ],
        ofSet: verified.found,
      });
      await tellGood(emit, event, verified, version);
      await hold(db, emit, { event, origin, verified, now });
    },
  });
}

function toVerify(body: SegmentRecorded, smallRows: SegmentToVerify['smallRows']): SegmentToVerify {
  return {
    digest: body.digest,
    rows: body.rows,
    eventTimeMin: body.eventTimeMin ? timestampMs(body.eventTimeMin) : 0,
    eventTimeMax: body.eventTimeMax ? timestampMs(body.eventTimeMax) : 0,
    smallRows,
    ...(body.hold && { hold: body.hold }),
  };
}

async function tellGood(
  emit: Emitter,
  { id, body }: ReceivedEvent<SegmentRecorded>,
  { good, warned }: Verified,
  version: number,
): Promise<void> {
  if (!good) return;
  await emit(events.segmentVerified, body.segmentId, {
    segmentId: body.segmentId,
    source: body.source,
    kind: body.kind,
    producer: body.producer,
    digest: good.digest,
    rows: good.rows,
    eventTimeMin: timestampFromMs(good.eventTimeMin),
    eventTimeMax: timestampFromMs(good.eventTimeMax),
    schemaVersion: version,
    repairId: '',
    recordedEventId: id,
    findings: warned.slice(0, findingsMax).map((reason) => findingOf(reason, body.producer)),
  });
}

async function hold(
  db: Store,
  emit: Emitter,
  {
    event: { id, body },
    origin,
    verified,
    now,
  }: { event: ReceivedEvent<SegmentRecorded>; origin: Origin; verified: Verified; now: number },
): Promise<void> {
  const { held } = verified;
  if (!held) return;
  const { verdicts, ...part } = held;
  const entry: Entry = {
    ...part,
    quarantineId: uuidv5('quarantine', body.segmentId),
    source: body.source,
    kind: origin.kind,
    producer: body.producer,
    segmentId: body.segmentId,
    recordedEventId: id,
    status: 'held',
    repairId: undefined,
  };
  await saveEntry(db, origin.tenant, entry, { verdicts, now });
  await emit(events.segmentQuarantined, body.segmentId, {
    quarantineId: entry.quarantineId,
    segmentId: body.segmentId,
    source: body.source,
    kind: body.kind,
    producer: body.producer,
    digest: entry.digest,
    rows: entry.rows,
    eventTimeMin: timestampFromMs(entry.eventTimeMin),
    eventTimeMax: timestampFromMs(entry.eventTimeMax),
    findings: entry.reasons.map((reason) => findingOf(reason, body.producer)),
  });
}
