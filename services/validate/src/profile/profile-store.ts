import { deflateSync, inflateSync } from 'node:zlib';
import { sql } from 'kysely';
import type { Origin, Store } from '../store.js';
import { decodeProfile, emptySetProfile, encodeProfile, mergeInto, type SetProfile } from './set-profile.js';

/** Profiles of one level that are kept apart; beyond, the older half becomes one of the next level. */
const perLevelMax = 64;

export interface SegmentProfile {
  readonly segmentId: string;
  /** Of the verified file. */
  readonly digest: string;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  readonly set: SetProfile;
}

/** Keeps the profile of a verified segment; one that is kept already stays. */
export async function saveSegmentProfile(tx: Store, origin: Origin, one: SegmentProfile): Promise<void> {
  await insert(tx, origin, { ...one, level: 0, segments: 1 });
  await mergeOld(tx, origin, 0);
}

/**
 * Puts the profile of what is left of a file in the place of the file's own; none where no row is left. One that was
 * merged with others by now stays.
 */
export async function replaceProfile(
  tx: Store,
  tenant: string,
  digest: string,
  left: { digest: string; set: SetProfile } | undefined,
): Promise<void> {
  if (!left) {
    await tx
      .deleteFrom('segment_profile')
      .where('tenant', '=', tenant)
      .where('digest', '=', digest)
      .where('level', '=', 0)
      .execute();
    return;
  }
  await tx
    .updateTable('segment_profile')
    .set({ digest: left.digest, rows: left.set.rows, profile: deflateSync(encodeProfile(left.set)) })
    .where('tenant', '=', tenant)
    .where('digest', '=', digest)
    .where('level', '=', 0)
    .execute();
}

async function insert(
  tx: Store,
  { tenant, source, kind }: Origin,
  { segmentId, digest, eventTimeMin, eventTimeMax, set, level, segments }: SegmentProfile & Level,
): Promise<void> {
  await tx
    .insertInto('segment_profile')
    .values({
      ...{ tenant, source, kind, level, segments, digest },
      segment_id: segmentId,
      rows: set.rows,
      event_time_min: new Date(eventTimeMin),
      event_time_max: new Date(eventTimeMax),
      profile: deflateSync(encodeProfile(set)),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

interface Level {
  readonly level: number;
  readonly segments: number;
}

/** Merges the older half of a level, by event time, where it is full; so on upwards. */
async function mergeOld(tx: Store, origin: Origin, level: number): Promise<void> {
  const { rows } = await sql<{ n: string }>`
    select count(*) as n from segment_profile where tenant = ${origin.tenant} and source = ${origin.source}
      and kind = ${origin.kind} and level = ${level}`.execute(tx);
  if (Number(rows[0]?.n) <= perLevelMax) return;
  const old = await ofOrigin(tx, origin)
    .where('level', '=', level)
    .orderBy('event_time_min')
    .orderBy('segment_id')
    .limit(perLevelMax / 2)
    .execute();
  const [first, last] = [old[0], old.at(-1)];
  if (!first || !last) return;
  const merged = mergedOf(old);
  await tx
    .deleteFrom('segment_profile')
    .where('tenant', '=', origin.tenant)
    .where('source', '=', origin.source)
    .where('kind', '=', origin.kind)
    .where(
      'segment_id',
      'in',
      old.map((row) => row.segment_id),
    )
    .execute();
  await insert(tx, origin, {
    segmentId: first.segment_id,
    digest: last.digest,
    eventTimeMin: merged.eventTimeMin,
    eventTimeMax: merged.eventTimeMax,
    set: merged.profile,
    level: level + 1,
    segments: merged.segments,
  });
  await mergeOld(tx, origin, level + 1);
}

/** Profiles merged to one. */
export interface MergedProfile {
  readonly profile: SetProfile;
  readonly segments: number;
  /** Ms since the epoch; what was merged before is taken whole, so that it may reach beyond what was asked for. */
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  /** Files of some of the segments, evenly spread over the event times. */
  readonly digests: readonly string[];
}

/** What verified rows look like whose segments reach into [from, to), in ms; a merge, and no scan. */
export async function profileBetween(
  db: Store,
  origin: Origin,
  { from, to }: { from?: number | undefined; to?: number | undefined } = {},
): Promise<MergedProfile> {
  let query = ofOrigin(db, origin).orderBy('event_time_min').orderBy('segment_id');
  if (from !== undefined) query = query.where('event_time_max', '>=', new Date(from));
  if (to !== undefined) query = query.where('event_time_min', '<', new Date(to));
  return mergedOf(await query.execute());
}

/** The profile of the segment that reaches farthest; undefined where there is none. */
export async function newestProfile(db: Store, origin: Origin): Promise<SetProfile | undefined> {
  const row = await ofOrigin(db, origin).orderBy('event_time_max', 'desc').limit(1).executeTakeFirst();
  return row && decodeProfile(inflateSync(row.profile).toString('utf8'));
}

/** Files of segments that a closer look takes. */
const looksMax = 8;

function mergedOf(
  rows: readonly {
    digest: string;
    segments: number;
    event_time_min: Date;
    event_time_max: Date;
    profile: Buffer;
  }[],
): MergedProfile {
  const profile = emptySetProfile();
  let [segments, eventTimeMin, eventTimeMax] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const row of rows) {
    mergeInto(profile, decodeProfile(inflateSync(row.profile).toString('utf8')));
    segments += row.segments;
    eventTimeMin = Math.min(eventTimeMin, row.event_time_min.getTime());
    eventTimeMax = Math.max(eventTimeMax, row.event_time_max.getTime());
  }
  const step = Math.max(1, Math.ceil(rows.length / looksMax));
  const digests = rows.filter((_, i) => i % step === 0).map(({ digest }) => digest);
  return { profile, segments, eventTimeMin, eventTimeMax, digests };
}

function ofOrigin(db: Store, { tenant, source, kind }: Origin) {
  return db
    .selectFrom('segment_profile')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('source', '=', source)
    .where('kind', '=', kind);
}
