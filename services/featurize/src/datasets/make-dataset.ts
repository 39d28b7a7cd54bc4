import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactStore } from '@perennial/artifacts';
import { canonicalJson, parseEventTime } from '@perennial/kernel';
import type { System } from '@perennial/spec';
import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import { type Labelled, refusalOf } from '../decide/split.js';
import { buildFeatureTable } from '../effects/feature-table.js';
import { localFiles } from '../effects/segment-files.js';
import { checkLeaks } from '../leaks/check-leaks.js';
import type { Leak } from '../leaks/decide/leak.js';
import { leakRefusal } from '../leaks/decide/leak-refusal.js';
import { entitiesSql } from '../leaks/entities-sql.js';
import type { View } from '../systems.js';
import type { MadeDataset } from './dataset-store.js';

/** Segments in their order, by digest. */
export interface SegmentDigests {
  readonly rows: readonly string[];
  readonly labels: readonly string[];
  /** Rows of the sources that things are looked up in, by source. */
  readonly lookups?: Readonly<Record<string, readonly string[]>>;
}

/** What was made, or why nothing was, and what was found in the labelled rows for training. */
export type MadeOutcome = (MadeDataset | { readonly refusal: string }) & {
  readonly leaks: readonly Leak[];
  readonly rows: number;
};

export interface MakeMeans {
  readonly tables: Tables;
  readonly artifacts: ArtifactStore;
  /** Folder for files on their way. */
  readonly workFolder: string;
  readonly trainingRowsMin: number;
}

/**
 * Makes the training set and its hold-out of these segments: the same segments and the same system give the same
 * bytes. Gives a reason instead where it cannot.
 */
export async function makeDataset(
  means: MakeMeans,
  { system, version, specDigest }: View,
  segments: SegmentDigests,
): Promise<MadeOutcome> {
  const { artifacts, trainingRowsMin } = means;
  return withFeatures(means, system, segments, async ({ tables, folder, rows, absent }) => {
    await tables.run(`create temp table labelled as ${labelledSql(system)}`);
    const counted = await countLabelled(tables, system, { rows, absent });
    const refusal = refusalOf(system, counted, trainingRowsMin);
    if (refusal !== undefined) return { refusal, leaks: [], rows: 0 };
    const found = {
      leaks: await leaksIn(tables, system, `_p_from_end > ${system.gate.holdOutRows}`),
      rows: counted.labelledInSpan - system.gate.holdOutRows,
    };
    if (found.leaks.length > 0 && system.train.leaks === 'refuse')
      return { refusal: leakRefusal(found.leaks), ...found };
    const training = await store(`_p_from_end > ${system.gate.holdOutRows}`);
    const holdout = await store(`_p_from_end <= ${system.gate.holdOutRows}`);
    const manifest = canonicalJson({
      kind: 'perennial/dataset-manifest/v1',
      system: system.name,
      systemVersion: version,
      specDigest,
      segments: segments.rows,
      labels: segments.labels,
      ...(Object.keys(segments.lookups ?? {}).length > 0 && { lookups: segments.lookups }),
      features: system.features.map(({ name }) => name),
      label: system.label.name,
      training,
      holdout,
    });
    return {
      ...found,
      trainingDigest: training.digest,
      trainingRows: training.rows,
      holdoutDigest: holdout.digest,
      holdoutRows: holdout.rows,
      manifestDigest: (await artifacts.put(new TextEncoder().encode(manifest))).digest,
    };

    async function store(where: string): Promise<{ digest: string; rows: number }> {
      const file = path.join(folder, 'part.parquet');
      return storeRows(tables, artifacts, {
        file,
        from: `select * exclude (_p_from_end) from labelled where ${where}`,
      });
    }
  });
}

/** The features of all rows of a span, [fromMs, toMs) of event time, as a Parquet artifact; the label where known. */
export async function exportFeatures(
  means: Omit<MakeMeans, 'trainingRowsMin'>,
  system: System,
  { segments, fromMs, toMs }: { segments: SegmentDigests; fromMs: number; toMs: number },
): Promise<{ digest: string; rows: number }> {
  return withFeatures(means, system, segments, ({ tables, folder }) =>
    storeRows(tables, means.artifacts, {
      file: path.join(folder, 'export.parquet'),
      from: `select * from made where ${within('_p_event_time', fromMs, toMs)}`,
    }),
  );
}

/** Rows of several artifacts with the same columns as one, in the order of time. */
export async function storeTogether(
  { tables, artifacts, workFolder }: Omit<MakeMeans, 'trainingRowsMin'>,
  digests: readonly string[],
): Promise<{ digest: string; rows: number }> {
  const files = await localFiles(artifacts, digests);
  const folder = await mkdtemp(path.join(workFolder, 'export-'));
  try {
    return await storeRows(tables, artifacts, {
      file: path.join(folder, 'all.parquet'),
      from: `select * from read_parquet([${files.map(quoteText).join(', ')}])`,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What gives the label away in all labelled rows of these segments, with their number. */
export async function lookForLeaks(
  means: Omit<MakeMeans, 'trainingRowsMin'>,
  system: System,
  segments: SegmentDigests,
): Promise<{ leaks: readonly Leak[]; rows: number }> {
  return withFeatures(means, system, segments, async ({ tables }) => {
    await tables.run(`create temp table labelled as ${labelledSql(system)}`);
    const [counted] = await tables.rows('select count(*)::double as n from labelled');
    return { leaks: await leaksIn(tables, system, 'true'), rows: Number(counted?.['n'] ?? 0) };
  });
}

async function leaksIn(tables: Tables, system: System, where: string): Promise<Leak[]> {
  return checkLeaks(tables, {
    relation: `(select * exclude (_p_from_end) from labelled where ${where})`,
    system,
    entities: await entitiesSql(tables, system),
  });
}

/** Gives a connection of its own, with the table `made`, to `work`. */
async function withFeatures<T>(
  { tables, artifacts, workFolder }: Omit<MakeMeans, 'trainingRowsMin'>,
  system: System,
  segments: SegmentDigests,
  work: (made: { tables: Tables; folder: string; rows: number; absent: readonly string[] }) => Promise<T>,
): Promise<T> {
  const paths = {
    rows: await localFiles(artifacts, segments.rows),
    labels: await localFiles(artifacts, segments.labels),
    lookups: Object.fromEntries(
      await Promise.all(
        Object.entries(segments.lookups ?? {}).map(
          async ([source, digests]) => [source, await localFiles(artifacts, digests)] as const,
        ),
      ),
    ),
  };
  const lane = await tables.lane();
  const folder = await mkdtemp(path.join(workFolder, 'features-'));
  try {
    return await work({ tables: lane, folder, ...(await buildFeatureTable(lane, system, paths)) });
  } finally {
    await lane.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Labelled rows of the span, each with its place from the end. */
function labelledSql({ label, train: { on } }: System): string {
  const span =
    'from' in on
      ? within(
          '_p_event_time',
          parseEventTime(on.from, 'train.on.from'),
          parseEventTime(on.to, 'train.on.to'),
        )
      : 'true';
  return (
    'select *, row_number() over (order by _p_event_time desc, _p_row_id desc) as _p_from_end ' +
    `from made where ${quoteIdentifier(label.name)} is not null and ${span}`
  );
}

async function countLabelled(
  tables: Tables,
  { gate, label, train: { on } }: System,
  { rows, absent }: { rows: number; absent: readonly string[] },
): Promise<Labelled> {
  const span =
    'from' in on
      ? within(
          '_p_event_time',
          parseEventTime(on.from, 'train.on.from'),
          parseEventTime(on.to, 'train.on.to'),
        )
      : 'true';
  const [found] = await tables.rows(
    `select (select count(*) from made where ${span})::double as in_span, (select count(*) from labelled)::double as labelled,
     (select count(*) from (select distinct ${quoteIdentifier(label.name)} from labelled
       where _p_from_end > ${gate.holdOutRows} limit 3))::double as labels`,
  );
  return {
    rows,
    absent,
    rowsInSpan: Number(found?.['in_span']),
    labelledInSpan: Number(found?.['labelled']),
    labelsInTraining: Number(found?.['labels']),
  };
}

/** Writes rows in the order of time and stores the file. */
async function storeRows(
  tables: Tables,
  artifacts: ArtifactStore,
  { file, from }: { file: string; from: string },
): Promise<{ digest: string; rows: number }> {
  await tables.run(
    `copy (${from} order by _p_event_time, _p_row_id) to ${quoteText(file)} (format parquet, compression zstd)`,
  );
  const [counted] = await tables.rows(
    `select sum(num_rows)::double as n from parquet_file_metadata(${quoteText(file)})`,
  );
  return { digest: (await artifacts.putFile(file)).digest, rows: Number(counted?.['n'] ?? 0) };
}

function within(column: string, fromMs: number, toMs: number): string {
  const bound = (ms: number) => `make_timestamp(${Math.round(ms * 1_000)}::bigint)`;
  return `${column} >= ${bound(fromMs)} and ${column} < ${bound(toMs)}`;
}
