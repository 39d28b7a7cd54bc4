import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { type ArtifactStore, openArtifacts } from '@perennial/artifacts';
import { type DatasetMaterialized, DatasetMaterializedSchema } from '@perennial/contracts';
import { canonicalJson } from '@perennial/kernel';
import { canonicalSystem, parseSystem, type System, systemDigest } from '@perennial/spec';
import { type Cell, type ColumnSpec, openTables, writeRows } from '@perennial/tables';

export const dayMs = 86_400_000;
export const features = ['temp_min', 'city', 'season'];

export const columns: ColumnSpec[] = [
  { name: '_p_row_id', type: 'VARCHAR' },
  { name: '_p_event_time', type: 'TIMESTAMP' },
  { name: 'temp_min', type: 'DOUBLE' },
  { name: 'city', type: 'VARCHAR' },
  { name: 'season', type: 'DOUBLE' },
  { name: 'temp_max', type: 'DOUBLE' },
];

/** Made-up days in three cities: the maximum is the minimum and what the city and the season add. */
export function days(from: number, count: number): Cell[][] {
  return Array.from({ length: count }, (_, at) => {
    const day = from + at;
    const city = ['SEA', 'LAX', 'JFK'][day % 3] as string;
    const season = Math.floor(day / 30) % 4;
    const tempMin = 10 * Math.sin(day / 40) + ((day * 7919) % 13) / 4;
    const tempMax = tempMin + 5 + 2 * (day % 3) + season + ((day * 31) % 7) / 10;
    return [
      `r${day}`,
      day * dayMs,
      day % 17 === 0 ? null : tempMin,
      day % 23 === 0 ? null : city,
      season,
      tempMax,
    ];
  });
}

export async function writeParquet(file: string, rows: Cell[][], specs = columns): Promise<string> {
  mkdirSync(path.dirname(file), { recursive: true });
  const tables = await openTables({ threads: 1 });
  try {
    await writeRows(tables, file, specs, rows);
  } finally {
    await tables.close();
  }
  return file;
}

export function systemOf(train: string): { system: System; specDigest: string; specJson: string } {
  const system = parseSystem(`
apiVersion: perennial/v1
kind: System
name: weather
source: { name: weather, time: date, key: [] , schema: inferred }
label: { column: temp_max, task: regression, arrives: { within: 1d } }
features:
  - { name: temp_min }
  - { name: city }
  - { name: season }
train: ${train}
gate: { metric: mae, hold-out: { last: 40 rows }, better-than-champion: { by: 5% }, slices: [{ column: season, min-rows: 5 }] }
serve: { pool: cpu, rollout: { shadow: 2 predictions, canary: [50%], step: 3 predictions } }
monitor: { window: 14 rows, drift: { false-alarms: 1 per 1000 windows }, decay: { metric: mae, worse-than: 30% } }
on-decay: retrain
risk: { class: minimal }
`);
  return { system, specDigest: systemDigest(system), specJson: canonicalSystem(system) };
}

export interface StoredDataset {
  readonly artifacts: ArtifactStore;
  readonly artifactsUrl: string;
  readonly dataset: DatasetMaterialized;
}

/** A training set of `rows` days and a hold-out of the 40 after them, in an artifact folder. */
export async function storeDataset(dir: string, rows = 300): Promise<StoredDataset> {
  const artifactsUrl = pathToFileURL(path.join(dir, 'artifacts')).href;
  const artifacts = await openArtifacts({ url: artifactsUrl });
  const put = async (name: string, from: number, count: number) => {
    const { digest } = await artifacts.putFile(await writeParquet(path.join(dir, name), days(from, count)));
    return { digest, rows: count };
  };
  const training = await put('training.parquet', 0, rows);
  const holdout = await put('holdout.parquet', rows, 40);
  const manifest = {
    kind: 'perennial/dataset-manifest/v1',
    system: 'weather',
    systemVersion: 1,
    segments: [],
    labels: [],
    features,
    label: 'temp_max',
    training,
    holdout,
  };
  const { digest: manifestDigest } = await artifacts.put(new TextEncoder().encode(canonicalJson(manifest)));
  return {
    artifacts,
    artifactsUrl,
    dataset: create(DatasetMaterializedSchema, {
      datasetId: `dataset-${rows}`,
      system: 'weather',
      rolloutId: 'rollout-1',
      systemVersion: 1,
      trainingDigest: training.digest,
      trainingRows: rows,
      holdoutDigest: holdout.digest,
      holdoutRows: 40,
      manifestDigest,
    }),
  };
}
