import { sql } from 'kysely';
import type { Kind } from '../store.js';
import type { DatasetDb, VersionReason } from './tables.js';

/** One dataset: the verified rows, or labels, of one source. */
export interface DatasetName {
  readonly source: string;
  readonly kind: Kind;
}

/** Verified rows of one recorded segment, and where they lie. Times are ms since the epoch. */
export interface Segment {
  readonly place: string;
  readonly segmentId: string;
  readonly repairId: string;
  /** The file that holds the rows now, and the ordinal of the first of them in it. */
  readonly digest: string;
  readonly firstRow: number;
  readonly rows: number;
  readonly erasedRows: number;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  readonly recordedAt: number;
  readonly producer: string;
  readonly schemaVersion: number;
}

export interface DatasetFile {
  readonly digest: string;
  readonly rows: number;
  readonly bytes: number;
  /** Files with equal columns can become one. */
  readonly columns: string;
}

export interface Version extends DatasetName {
  readonly version: number;
  readonly manifestDigest: string;
  readonly segments: number;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly reason: VersionReason;
  readonly createdAt: number;
}

/** SQL about the datasets of one tenant. */
export class DatasetStore {
  readonly #db: DatasetDb;
  readonly #tenant: string;

  constructor(db: DatasetDb, tenant: string) {
    this.#db = db;
    this.#tenant = tenant;
  }

  /** Remembers verified rows; once, however often they are told. */
  async addSegment({ source, kind }: DatasetName, segment: Segment): Promise<void> {
    await this.#db
      .insertInto('dataset_segment')
      .values({
        tenant: this.#tenant,
        source,
        kind,
        place: segment.place,
        segment_id: segment.segmentId,
        repair_id: segment.repairId,
        verified_digest: segment.digest,
        digest: segment.digest,
        first_row: segment.firstRow,
        rows: segment.rows,
        event_time_min: new Date(segment.eventTimeMin),
        event_time_max: new Date(segment.eventTimeMax),
        recorded_at: new Date(segment.recordedAt),
        producer: segment.producer,
        schema_version: segment.schemaVersion,
        in_version: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async addFile(file: DatasetFile): Promise<void> {
    const { digest, rows, bytes, columns } = file;
    await this.#db
      .insertInto('dataset_file')
      .values({ tenant: this.#tenant, digest, rows, bytes, columns })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** Holds back whoever else changes this dataset, to the end of the transaction. */
  async lock({ source, kind }: DatasetName): Promise<void> {
    const name = `dataset/${this.#tenant}/${source}/${kind}`;
    await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(this.#db);
  }

  /** Datasets with segments that no version has yet. */
  async unversioned(): Promise<DatasetName[]> {
    return this.#db
      .selectFrom('dataset_segment')
      .select(['source', 'kind'])
      .distinct()
      .where('tenant', '=', this.#tenant)
      .where('in_version', 'is', null)
      .execute();
  }

  /** Segments in recorded order: of a version, or all that there are. */
  async segments({ source, kind }: DatasetName, version?: number): Promise<Segment[]> {
    let query = this.#db
      .selectFrom('dataset_segment')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .where('kind', '=', kind);
    if (version !== undefined) query = query.where('in_version', '<=', version);
    const rows = await query.orderBy('place').execute();
    return rows.map((row) => ({
      place: row.place,
      segmentId: row.segment_id,
      repairId: row.repair_id,
      digest: row.digest,
      firstRow: Number(row.first_row),
      rows: row.rows,
      erasedRows: row.erased_rows,
      eventTimeMin: row.event_time_min.getTime(),
      eventTimeMax: row.event_time_max.getTime(),
      recordedAt: row.recorded_at.getTime(),
      producer: row.producer,
      schemaVersion: row.schema_version,
    }));
  }

  /** Places that came to the dataset after one version and are in another. */
  async placesBetween({ source, kind }: DatasetName, after: number, upTo: number): Promise<Set<string>> {
    const rows = await this.#db
      .selectFrom('dataset_segment')
      .select('place')
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .where('kind', '=', kind)
      .where('in_version', '>', after)
      .where('in_version', '<=', upTo)
      .execute();
    return new Set(rows.map(({ place }) => place));
  }

  async files(digests: readonly string[]): Promise<Map<string, DatasetFile>> {
    if (digests.length === 0) return new Map();
    const rows = await this.#db
      .selectFrom('dataset_file')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where(sql<boolean>`digest = any(${[...new Set(digests)]}::text[])`)
      .execute();
    return new Map(
      rows.map(({ digest, rows, bytes, columns }) => [
        digest,
        { digest, rows: Number(rows), bytes: Number(bytes), columns },
      ]),
    );
  }

  /** Makes a version of segments that have none yet, and of what earlier ones had. The dataset is locked. */
  async addVersion(version: Version, newPlaces: readonly string[]): Promise<void> {
    const { source, kind } = version;
    await this.#db
      .insertInto('dataset_version')
      .values({
        tenant: this.#tenant,
        source,
        kind,
        version: version.version,
        manifest_digest: version.manifestDigest,
        segments: version.segments,
        files: version.files,
        rows: version.rows,
        bytes: version.bytes,
        reason: version.reason,
        created_at: new Date(version.createdAt),
      })
      .execute();
    if (newPlaces.length === 0) return;
    await this.#db
      .updateTable('dataset_segment')
      .set({ in_version: version.version })
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .where('kind', '=', kind)
      .where('in_version', 'is', null)
      .where(sql<boolean>`place = any(${[...newPlaces]}::text[])`)
      .execute();
  }

  /** Says where rows of a segment lie from now on. The dataset is locked. */
  async moveSegment(
    { source, kind }: DatasetName,
    place: string,
    to: { digest: string; firstRow: number; erased?: number },
  ): Promise<void> {
    const { digest, firstRow, erased = 0 } = to;
    await this.#db
      .updateTable('dataset_segment')
      .set({
        digest,
        first_row: firstRow,
        rows: sql`rows - ${erased}::integer`,
        erased_rows: sql`erased_rows + ${erased}::integer`,
      })
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .where('kind', '=', kind)
      .where('place', '=', place)
      .execute();
  }

  async newest({ source, kind }: DatasetName): Promise<Version | undefined> {
    const [version] = await this.versions({ source, kind }, { limit: 1 });
    return version;
  }

  /** Newest first. */
  async versions(
    { source, kind }: DatasetName,
    { before, upTo, limit }: { before?: number; upTo?: Date; limit: number },
  ): Promise<Version[]> {
    let query = this.#db
      .selectFrom('dataset_version')
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .where('source', '=', source)
      .where('kind', '=', kind);
    if (before !== undefined) query = query.where('version', '<', before);
    if (upTo !== undefined) query = query.where('created_at', '<=', upTo);
    const rows = await query.orderBy('version', 'desc').limit(limit).execute();
    return rows.map(versionOf);
  }

  /** The newest version of every dataset. */
  async newestOfAll(): Promise<Version[]> {
    const rows = await this.#db
      .selectFrom('dataset_version')
      .distinctOn(['source', 'kind'])
      .selectAll()
      .where('tenant', '=', this.#tenant)
      .orderBy('source')
      .orderBy('kind')
      .orderBy('version', 'desc')
      .execute();
    return rows.map(versionOf);
  }
}

function versionOf(row: {
  source: string;
  kind: Kind;
  version: number;
  manifest_digest: string;
  segments: number;
  files: number;
  rows: string;
  bytes: string;
  reason: VersionReason;
  created_at: Date;
}): Version {
  return {
    source: row.source,
    kind: row.kind,
    version: row.version,
    manifestDigest: row.manifest_digest,
    segments: row.segments,
    files: row.files,
    rows: Number(row.rows),
    bytes: Number(row.bytes),
    reason: row.reason,
    createdAt: row.created_at.getTime(),
  };
}
