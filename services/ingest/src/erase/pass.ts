import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ListedArtifact } from '@perennial/artifacts';
import type { Digest } from '@perennial/kernel';
import { quoteText } from '@perennial/tables';
import { describeFile } from '../datasets/segment-verified.js';
import type { DatasetName } from '../datasets/store.js';
import type { ErasureKey } from './key.js';
import { type Candidates, candidatesIn, type FoundFile, findRows, ifThere } from './look.js';
import type { EraseMeans } from './means.js';
import { type Owners, ownersOf } from './owners.js';
import { type Rewritten, rewriteDataset } from './rewrite-dataset.js';
import { RowFinder } from './row-finder.js';
import { type ErasureDb, ErasureStore, type FoundRow, type Place, type ReplacedFile } from './store.js';
import { rewriteText, type TextForm } from './text-artifact.js';

/** One look through everything, for one key. */
export interface Asked extends ErasureKey {
  readonly source: string;
  /** Of an erasure that is kept; undefined: nothing is changed. */
  readonly erasureId: string | undefined;
}

export interface Passed {
  readonly files: readonly ReplacedFile[];
  readonly places: readonly Place[];
}

/**
 * Looks through every artifact and every table once, and takes out what belongs to the key. What is left of a file is put
 * first, then the dataset says where its rows lie, and last the old file goes: killed in between, the next pass goes on.
 */
export async function erasePass(means: EraseMeans, asked: Asked): Promise<Passed> {
  const { db, tenant, operations } = means;
  const store = new ErasureStore(db as unknown as ErasureDb, tenant);
  const owners = await ownersOf(db, tenant, operations());
  const candidates = await candidatesIn(means, asked);
  const finder = await RowFinder.open(means.tables, asked);
  if (asked.erasureId !== undefined) await finder.remember(await store.rows(asked.erasureId));
  const found = await findRows(means, { finder, candidates, owners }, asked.source);
  const rows = await finder.rows();
  if (asked.erasureId !== undefined) await store.addRows(asked.erasureId, rows);
  const places = await eraseFromTables(means, asked, rows);
  if (asked.erasureId === undefined) {
    const texts = await rewriteTexts(means, asked, candidates, owners);
    return { files: [...found.map((file) => wouldBe(file, owners)), ...texts], places };
  }
  const files = [
    ...(await rewriteParquet(means, store, { ...asked, erasureId: asked.erasureId }, { found, owners })),
    ...(await rewriteTexts(means, asked, candidates, owners)),
  ];
  await store.add(asked.erasureId, { places });
  return { files, places };
}

function wouldBe({ digest, gone, bytes }: FoundFile, owners: Owners): ReplacedFile {
  return { digest, by: '', rows: gone.length, bytes, what: owners.what(digest).what };
}

async function rewriteParquet(
  means: EraseMeans,
  store: ErasureStore,
  { erasureId }: { erasureId: string },
  { found, owners }: { found: readonly FoundFile[]; owners: Owners },
): Promise<ReplacedFile[]> {
  const replaced: ReplacedFile[] = [];
  const moved = new Map<string, { name: DatasetName; files: Rewritten[] }>();
  for (const file of found) {
    const by = await withoutRows(means, file);
    if (by === undefined) continue;
    const { digest, gone, bytes } = file;
    replaced.push({ digest, by: by.digest, rows: gone.length, bytes, what: owners.what(digest).what });
    for (const name of owners.datasets.get(digest) ?? []) {
      const id = `${name.kind}/${name.source}`;
      const one = moved.get(id) ?? { name, files: [] };
      one.files.push({ digest, by, gone });
      moved.set(id, one);
    }
  }
  for (const { name, files } of moved.values()) await rewriteDataset(means, name, files);
  for (const one of replaced) await eraseFile(means, store, erasureId, one);
  return replaced;
}

async function withoutRows(means: EraseMeans, { path, condition, digest, gone }: FoundFile) {
  const { artifacts, tables, workDir } = means;
  const target = join(workDir, `${randomUUID()}.parquet`);
  try {
    await tables.run(
      `copy (select * from read_parquet(${quoteText(path)}) where not ${condition})
       to ${quoteText(target)} (format parquet, compression zstd)`,
    );
    const [counted] = await tables.rows(
      `select sum(num_rows)::double as n from parquet_file_metadata(${quoteText(target)})`,
    );
    const stored = await artifacts.putFile(target);
    if (stored.digest === digest || gone.length === 0) return undefined;
    return await describeFile({ artifacts, tables }, stored.digest, Number(counted?.['n'] ?? 0));
  } finally {
    await rm(target, { force: true });
  }
}

async function eraseFile(
  { artifacts }: EraseMeans,
  store: ErasureStore,
  erasureId: string,
  file: ReplacedFile,
): Promise<void> {
  await store.add(erasureId, { replaced: file });
  await artifacts.erase(file.digest as Digest, file.by as Digest);
}

/** Rows of requests and batches, which say by the column alone whose they are: not for one source only. */
async function rewriteTexts(
  means: EraseMeans,
  asked: Asked,
  { texts }: Candidates,
  owners: Owners,
): Promise<ReplacedFile[]> {
  if (asked.source !== '') return [];
  const replaced: ReplacedFile[] = [];
  for (const artifact of texts) {
    const { service, what } = owners.what(artifact.digest);
    // Of text, validate keeps schemas alone.
    const file = await withoutLines(means, asked, artifact, service === 'validate' ? 'schema' : what);
    if (file) replaced.push(file);
  }
  return replaced;
}

async function withoutLines(
  means: EraseMeans,
  asked: Asked,
  artifact: ListedArtifact & { form: TextForm },
  what: string,
): Promise<ReplacedFile | undefined> {
  const { artifacts, workDir, db, tenant } = means;
  const target = join(workDir, randomUUID());
  try {
    const rows = await ifThere(() => rewriteText(artifacts, artifact, { key: asked, target }));
    if (!rows) return undefined;
    const { digest, bytes } = artifact;
    if (asked.erasureId === undefined) return { digest, by: '', rows, bytes, what };
    const by = await artifacts.putFile(target);
    const file = { digest, by: by.digest, rows, bytes, what };
    await eraseFile(means, new ErasureStore(db as unknown as ErasureDb, tenant), asked.erasureId, file);
    return file;
  } finally {
    await rm(target, { force: true });
  }
}

/** Every service looks through its own tables, for each source's rows and for cells that say it themselves. */
async function eraseFromTables(
  { operations }: EraseMeans,
  { column, value, source, erasureId }: Asked,
  rows: readonly FoundRow[],
): Promise<Place[]> {
  const ids = new Map<string, string[]>([[source, []]]);
  for (const row of rows) {
    const found = ids.get(row.source);
    if (found) found.push(row.id);
    else ids.set(row.source, [row.id]);
  }
  const places: Place[] = [];
  for (const service of operations().values()) {
    for (const [ofSource, rowIds] of ids) {
      const answer = await service.eraseFromTables(
        { source: ofSource, column, value, rowIds: [...new Set(rowIds)], dryRun: erasureId === undefined },
        { timeoutMs: tablesTimeoutMs },
      );
      places.push(...answer.places.map((place) => ({ ...place, rows: Number(place.rows) })));
    }
  }
  return places;
}

/** One service looks through all of its tables. */
const tablesTimeoutMs = 10 * 60_000;
