import type { ArtifactStore } from '@perennial/artifacts';
import type { Emitter, Log } from '@perennial/bus';
import { events } from '@perennial/contracts';
import type { Clock } from '@perennial/kernel';
import { segmentKind } from '../record.js';
import { type Compacted, type CompactionMeans, compact } from './compact.js';
import { type Manifest, manifestOf } from './manifest.js';
import { type DatasetName, DatasetStore, type Version } from './store.js';
import type { DatasetDb, VersionReason } from './tables.js';

export interface DatasetMeans {
  readonly tenant: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly artifacts: ArtifactStore;
  readonly db: DatasetDb;
  readonly transact: <T>(work: (tx: DatasetDb, emit: Emitter) => Promise<T>) => Promise<T>;
}

/** Time spent on versions is at most this share of the whole, however large the manifests are. */
const dutyMax = 0.1;

/**
 * Makes versions of datasets: some time after rows came, so that a stream of small segments makes one version and not
 * hundreds, or at once when somebody asks for the newest one.
 */
export class Versions {
  readonly #means: CompactionMeans;
  readonly #everyMs: number;
  readonly #compactFilesMin: number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #pauseMs: number;
  #isStopped = false;

  constructor(means: CompactionMeans, o: { everyMs: number; compactFilesMin: number }) {
    this.#means = means;
    this.#everyMs = o.everyMs;
    this.#compactFilesMin = o.compactFilesMin;
    this.#pauseMs = o.everyMs;
  }

  /** Rows came: a version will have them. */
  readonly cameIn = (): void => {
    if (this.#isStopped || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#enqueue().catch((error) => {
        this.#means.log.error('no version of a dataset could be made; tried again', { error });
        this.cameIn();
      });
    }, this.#pauseMs);
  };

  /** Makes versions of what has come so far; what a killed process left, too. */
  settle(): Promise<void> {
    return this.#enqueue();
  }

  /** Compacts as far as can be, beside nobody else who makes versions here. */
  compact(names: readonly DatasetName[]): Promise<Compacted> {
    return this.#alone(async () => {
      const sum = { filesBefore: 0, filesAfter: 0, rows: 0 };
      for (const name of names) {
        const one = await compact(this.#means, name, 2);
        sum.filesBefore += one.filesBefore;
        sum.filesAfter += one.filesAfter;
        sum.rows += one.rows;
      }
      return sum;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #enqueue(): Promise<void> {
    return this.#alone(() => this.#run());
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#running.then(work);
    this.#running = run.then(
      () => {},
      () => {},
    );
    return run;
  }

  async #run(): Promise<void> {
    const { db, tenant, clock } = this.#means;
    const begunAt = clock.now();
    for (const name of await new DatasetStore(db, tenant).unversioned()) {
      await makeVersion(this.#means, name, 'rows');
      if (this.#compactFilesMin > 0) await compact(this.#means, name, this.#compactFilesMin);
    }
    this.#pauseMs = Math.max(this.#everyMs, (clock.now() - begunAt) / dutyMax);
  }
}

/**
 * Makes a further version of a dataset, of all its segments as they lie now. `change` is done before, in the same
 * transaction; where it gives false, nothing is made.
 */
export async function makeVersion(
  means: DatasetMeans,
  name: DatasetName,
  reason: VersionReason,
  change: (store: DatasetStore, emit: Emitter) => Promise<boolean> = async () => true,
): Promise<Version | undefined> {
  const { tenant, clock, artifacts, transact } = means;
  return transact(async (tx, emit) => {
    const store = new DatasetStore(tx, tenant);
    await store.lock(name);
    if (!(await change(store, emit))) return undefined;
    const segments = await store.segments(name);
    const last = await store.newest(name);
    const versioned = new Set((await store.segments(name, last?.version ?? 0)).map(({ place }) => place));
    const fresh = segments.filter(({ place }) => !versioned.has(place)).map(({ place }) => place);
    // Another replica has made the version meanwhile.
    if (reason === 'rows' && fresh.length === 0) return undefined;
    const files = await store.files(segments.map(({ digest }) => digest));
    const number = (last?.version ?? 0) + 1;
    const manifest = manifestOf(name, number, { segments, files });
    // Content-addressed: what a lost transaction has put is garbage at worst.
    const { digest } = await artifacts.put(new TextEncoder().encode(manifest.text));
    const version = versionOf(name, number, { manifest, digest, reason, createdAt: clock.now() });
    await store.addVersion(version, fresh);
    await emit(events.datasetVersioned, name.source, {
      source: version.source,
      kind: segmentKind(version.kind),
      version: version.version,
      manifestDigest: version.manifestDigest,
      segments: version.segments,
      files: version.files,
      rows: BigInt(version.rows),
      bytes: BigInt(version.bytes),
      reason,
    });
    return version;
  });
}

function versionOf(
  { source, kind }: DatasetName,
  version: number,
  made: { manifest: Manifest; digest: string; reason: VersionReason; createdAt: number },
): Version {
  const { text: _text, ...counts } = made.manifest;
  const { digest: manifestDigest, reason, createdAt } = made;
  return { source, kind, version, manifestDigest, ...counts, reason, createdAt };
}
