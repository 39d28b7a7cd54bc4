import type { ArtifactStore } from '@perennial/artifacts';
import { handler, type ReceivedEvent } from '@perennial/bus';
import { events, SegmentKind, type SegmentVerified } from '@perennial/contracts';
import type { Tables } from '@perennial/tables';
import { placeOf } from '../decide/place.js';
import { type NeededSeries, widest } from '../decide/series.js';
import { readValues } from '../effects/read-values.js';
import { localFile } from '../effects/segment-files.js';
import { columnsOfFiles, type FileColumns } from '../sql/segment-sql.js';
import { newestUs, type Segment, Store } from '../store.js';
import type { Db } from '../tables.js';
import { type KeptValue, WindowStore } from '../window-store.js';

export const segmentConsumer = { stream: 'DATA', name: 'featurize-segment-verified' } as const;

export interface SegmentMeans {
  readonly tenant: string;
  readonly db: Db;
  readonly tables: Tables;
  readonly artifacts: ArtifactStore;
  readonly onlineSlackUs: number;
}

interface Read {
  readonly file: { path: string; place: string };
  readonly columns: FileColumns;
  /** Values by series, with the need that they were read for. */
  readonly values: ReadonlyMap<string, { need: NeededSeries; values: readonly KeptValue[] }>;
}

/** Remembers a verified segment, and brings what windows want of it into the online store. */
export function segmentVerified(means: SegmentMeans) {
  return handler({
    consumer: segmentConsumer.name,
    event: events.segmentVerified,
    pace: 'fast',
    prepare: (event) => read(means, segmentOf(event)),
    handle: async ({ event, prepared, tx }) => {
      const db = tx as unknown as Db;
      const segment = segmentOf(event);
      const store = new Store(db, means.tenant);
      await store.lockSource(segment.source);
      if (!(await store.addSegment(segment))) return;
      const state = await store.source(segment.source);
      const newest = (state && newestUs(state)) ?? segment.maxUs;
      const windows = new WindowStore(db, means.tenant);
      for (const series of await windows.seriesOfSource(segment.source, segment.kind)) {
        const keptFromUs = newest - series.horizonUs - means.onlineSlackUs;
        const values = await valuesOf(means, series, prepared, segment);
        await windows.keep(series.seriesId, values);
        await windows.prune(series, keptFromUs, [...new Set(values.map(({ byKey }) => byKey))]);
        await windows.advance(series.seriesId, keptFromUs);
      }
    },
  });
}

/** Before the transaction: the values for the series that are known now. */
async function read(means: SegmentMeans, segment: Segment): Promise<Read | undefined> {
  const { db, tenant, tables, artifacts } = means;
  const needed = await new WindowStore(db, tenant).seriesOfSource(segment.source, segment.kind);
  if (needed.length === 0) return undefined;
  const file = { path: await localFile(artifacts, segment.digest), place: segment.place };
  const columns = await columnsOfFiles(tables, [file.path]);
  const values = new Map<string, { need: NeededSeries; values: KeptValue[] }>();
  for (const series of needed) {
    values.set(series.seriesId, {
      need: series,
      values: await readValues(tables, series, {
        files: [file],
        columns,
        fromUs: fromUs(means, series, segment),
      }),
    });
  }
  return { file, columns, values };
}

/** What was read before, unless the series is new since, or wants more. */
async function valuesOf(
  means: SegmentMeans,
  series: NeededSeries,
  prepared: Read | undefined,
  segment: Segment,
): Promise<readonly KeptValue[]> {
  const known = prepared?.values.get(series.seriesId);
  if (known) {
    const { horizonUs, lastCount } = widest(known.need, series);
    if (horizonUs === known.need.horizonUs && lastCount === known.need.lastCount) return known.values;
  }
  const path = prepared?.file.path ?? (await localFile(means.artifacts, segment.digest));
  const file = { path, place: segment.place };
  return readValues(means.tables, series, { files: [file], fromUs: fromUs(means, series, segment) });
}

/** Of a large segment of history most lies further back than any window reaches. */
function fromUs({ onlineSlackUs }: SegmentMeans, { horizonUs }: NeededSeries, { maxUs }: Segment): number {
  return maxUs - horizonUs - onlineSlackUs;
}

function segmentOf({ id, body }: ReceivedEvent<SegmentVerified>): Segment {
  return {
    source: body.source,
    kind: body.kind === SegmentKind.LABELS ? 'labels' : 'rows',
    segment_id: body.segmentId,
    repair_id: body.repairId,
    digest: body.digest,
    rows: body.rows,
    place: placeOf({ recordedEventId: body.recordedEventId, eventId: id }),
    minUs: microseconds(body.eventTimeMin),
    maxUs: microseconds(body.eventTimeMax),
  };
}

function microseconds(time: SegmentVerified['eventTimeMin']): number {
  return time ? Number(time.seconds) * 1_000_000 + Math.floor(time.nanos / 1_000) : 0;
}
