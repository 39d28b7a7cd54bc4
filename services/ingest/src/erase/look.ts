import type { ListedArtifact } from '@perennial/artifacts';
import { type Digest, PlatformError } from '@perennial/kernel';
import { quoteText } from '@perennial/tables';
import type { ErasureKey } from './key.js';
import type { EraseMeans } from './means.js';
import type { Owners } from './owners.js';
import type { FileToSearch, RowFinder } from './row-finder.js';
import { type TextForm, textForm } from './text-artifact.js';

/** A Parquet file with rows of the key. */
export interface FoundFile extends ListedArtifact {
  readonly path: string;
  readonly condition: string;
  /** Ordinals of the rows, ascending. */
  readonly gone: readonly number[];
}

/** What the store holds that may have rows of a key. */
export interface Candidates {
  readonly parquet: readonly ListedArtifact[];
  readonly texts: readonly (ListedArtifact & { readonly form: TextForm })[];
}

const parquetMagic = 'PAR1';

/** Goes through the whole store, by the first bytes of each artifact. */
export async function candidatesIn({ artifacts }: EraseMeans, key: ErasureKey): Promise<Candidates> {
  const parquet: ListedArtifact[] = [];
  const texts: (ListedArtifact & { form: TextForm })[] = [];
  for await (const artifact of artifacts.list()) {
    const head = await ifThere(async () => {
      for await (const piece of await artifacts.read(artifact.digest)) return piece;
      return undefined;
    });
    if (!head) continue;
    if (Buffer.from(head.subarray(0, 4)).toString('latin1') === parquetMagic) parquet.push(artifact);
    else {
      const form = textForm(head, key);
      if (form) texts.push({ ...artifact, form });
    }
  }
  return { parquet, texts };
}

/** Parquet files with rows of the key: first those that have its column are learnt from, then all are looked through. */
export async function findRows(
  { artifacts, tables }: EraseMeans,
  { finder, candidates, owners }: { finder: RowFinder; candidates: Candidates; owners: Owners },
  source: string,
): Promise<FoundFile[]> {
  const toSearch = async ({ digest }: ListedArtifact): Promise<FileToSearch | undefined> => {
    const path = await ifThere(() => artifacts.localFile(digest as Digest));
    const own = owners.sources.get(digest) ?? '';
    return path === undefined ? undefined : { path, source: own, byKey: source === '' || own === source };
  };
  for (const artifact of candidates.parquet) {
    const file = await toSearch(artifact);
    if (file?.byKey) await finder.learn(file);
  }
  const found: FoundFile[] = [];
  for (const artifact of candidates.parquet) {
    const file = await toSearch(artifact);
    const condition = file && (await finder.condition(file));
    if (!file || !condition) continue;
    const rows = await tables.rows(
      `select file_row_number::double as n from read_parquet(${quoteText(file.path)}, file_row_number = true)
       where ${condition} order by 1`,
    );
    if (rows.length === 0) continue;
    found.push({ ...artifact, path: file.path, condition, gone: rows.map((row) => Number(row['n'])) });
  }
  return found;
}

/** What is collected as garbage while we look is gone, and holds nothing. */
export async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'ARTIFACT_NOT_FOUND') return undefined;
    throw error;
  }
}
