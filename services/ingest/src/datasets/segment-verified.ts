import { stat } from 'node:fs/promises';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ArtifactStore } from '@perennial/artifacts';
import { handler, type ReceivedEvent } from '@perennial/bus';
import { events, SegmentKind, type SegmentVerified } from '@perennial/contracts';
import { type Digest, uuidv7Millis } from '@perennial/kernel';
import { quoteText, type Tables } from '@perennial/tables';
import { type DatasetFile, type DatasetName, DatasetStore, type Segment } from './store.js';
import type { DatasetDb } from './tables.js';

export interface SegmentMeans {
  readonly tenant: string;
  readonly artifacts: ArtifactStore;
  readonly tables: Tables;
  /** Called when a segment came that no version has yet. */
  readonly cameIn: () => void;
}

/** Takes verified rows into the dataset of their source. */
export function segmentVerified({ tenant, artifacts, tables, cameIn }: SegmentMeans) {
  return handler({
    consumer: 'ingest-segment-verified',
    event: events.segmentVerified,
    pace: 'fast',
    prepare: ({ body }) => describeFile({ artifacts, tables }, body.digest, body.rows),
    handle: async ({ event, prepared, tx }) => {
      const store = new DatasetStore(tx as unknown as DatasetDb, tenant);
      await store.addFile(prepared);
      await store.addSegment(nameOf(event.body), segmentOf(event));
      cameIn();
    },
  });
}

/** Size and columns of a file of rows. */
export async function describeFile(
  { artifacts, tables }: Pick<SegmentMeans, 'artifacts' | 'tables'>,
  digest: string,
  rows: number,
): Promise<DatasetFile> {
  const path = await artifacts.localFile(digest as Digest);
  const { size } = await stat(path);
  const columns = await tables.rows(
    `select column_name, column_type from (describe select * from read_parquet(${quoteText(path)}))`,
  );
  const names = columns.map((column) => [column['column_name'], column['column_type']]);
  return { digest, rows, bytes: size, columns: JSON.stringify(names) };
}

function nameOf({ source, kind }: SegmentVerified): DatasetName {
  return { source, kind: kind === SegmentKind.LABELS ? 'labels' : 'rows' };
}

/**
 * Where the rows stand among those of their source: by the event that recorded them, as featurize has it too, so that
 * repaired ones keep the place of their arrival.
 */
function segmentOf({ id, body }: ReceivedEvent<SegmentVerified>): Segment {
  const recordedEvent = body.recordedEventId || id;
  return {
    place: `${recordedEvent}/${id}`,
    segmentId: body.segmentId,
    repairId: body.repairId,
    digest: body.digest,
    firstRow: 0,
    rows: body.rows,
    erasedRows: 0,
    eventTimeMin: body.eventTimeMin ? timestampMs(body.eventTimeMin) : 0,
    eventTimeMax: body.eventTimeMax ? timestampMs(body.eventTimeMax) : 0,
    recordedAt: uuidv7Millis(recordedEvent),
    producer: body.producer,
    schemaVersion: body.schemaVersion,
  };
}
