/**
 * A training set of the 3,000,000 flights of vega-datasets, with three windows of them, an expression and a label: all
 * that featurize does from segment files to stored Parquet, the look for leaks among it, with the memory that it gives
 * DuckDB by default. In a process of its own, whose greatest resident memory counts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { invalid } from '@perennial/kernel';
import { rootDir } from '@perennial/local';
import { openTables, quoteText } from '@perennial/tables';
import { line } from '../figures.js';

const secondsMax = 60;
const bytesMax = 1.5e9;
const segmentRows = 500_000;
/** What featurize gives DuckDB where nothing is set. */
const memoryLimitBytes = 512 * 2 ** 20;

const yaml = `
apiVersion: perennial/v1
kind: System
name: flights
source: { name: flights, time: date, key: [] }
label: { name: late, expr: "delay > 15", task: classification, arrives: { within: 3h } }
features:
  - { name: hour, expr: "hour(date)" }
  - { name: distance }
  - { name: origin }
  - { name: late_at_origin, from: late, window: 3h, by: [origin], offset: 3h, as: mean }
  - { name: flights_of_day, from: distance, window: 1d, by: [], as: count }
  - { name: farthest, from: distance, window: 6h, by: [destination], as: max }
gate: { metric: auc, hold-out: { last: 20000 rows } }
monitor: { window: 1000 rows, decay: { metric: auc, worse-than: 5% } }
`;

interface Made {
  readonly trainingRows: number;
  readonly holdoutRows: number;
}
type MakeDataset = (means: object, view: object, segments: object) => Promise<Made | { refusal: string }>;

export async function run(words: readonly string[]): Promise<void> {
  const rows = rowsOf(words);
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-training-set-'));
  try {
    const self = fileURLToPath(import.meta.url);
    const prepared = spawnSync(process.execPath, [self, 'prepare', folder, String(rows)], {
      encoding: 'utf8',
    });
    if (prepared.status !== 0) throw new Error(prepared.stderr);
    const made = spawnSync(process.execPath, [self, 'make', folder, prepared.stdout], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    const { seconds, cpuSeconds, bytes, trainingRows } = JSON.parse(made.stdout) as Record<string, number>;
    if (!trainingRows || !seconds || !cpuSeconds || !bytes) throw new Error(made.stdout);
    line(
      `training-set: ${rows.toLocaleString('en')} flights, three windows, ${trainingRows.toLocaleString('en')} training rows`,
    );
    line(
      `  ${told(seconds, secondsMax, `${seconds.toFixed(1)} s`)} (${Math.round(rows / seconds).toLocaleString('en')} rows/s); ${cpuSeconds.toFixed(1)} s of CPU on two threads`,
    );
    line(`  ${told(bytes, bytesMax, `${(bytes / 1e9).toFixed(2)} GB`)} of memory at most`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `rows=100000` takes the first ones only. */
function rowsOf(words: readonly string[]): number {
  const [name, value] = words[0]?.split('=') ?? ['rows', '3000000'];
  const rows = Number(value);
  if (name === 'rows' && Number.isInteger(rows) && rows > 0 && words.length < 2) return rows;
  throw invalid('BENCH_WORDS', `bench data training-set takes rows=<count>, got "${words.join(' ')}"`);
}

function told(value: number, bound: number, text: string): string {
  return `${text} (< ${bound >= 1e6 ? `${bound / 1e9} GB` : `${bound} s`}: ${value < bound ? 'met' : 'MISSED'})`;
}

/** A library of the service's own, which the benches do not depend on. */
async function served<T>(...parts: string[]): Promise<T> {
  return (await import(pathToFileURL(path.join(rootDir, ...parts)).href)) as T;
}

interface Store {
  putFile(file: string): Promise<{ digest: string }>;
}

async function storeOf(folder: string): Promise<Store> {
  const { openArtifacts } = await served<{ openArtifacts: (to: { url: string }) => Promise<Store> }>(
    ...['libs', 'artifacts', 'dist', 'mod.js'],
  );
  return openArtifacts({ url: pathToFileURL(path.join(folder, 'artifacts')).href });
}

/** Flights as verified segments in the store; their digests. */
async function prepare(folder: string, rows: number): Promise<string[]> {
  const example = createRequire(path.join(rootDir, 'examples', 'late-flights', 'package.json'));
  const flights = path.join(
    path.dirname(example.resolve('vega-datasets')),
    '..',
    'data',
    'flights-3m.parquet',
  );
  const artifacts = await storeOf(folder);
  const tables = await openTables({ tempDir: folder });
  const digests: string[] = [];
  await tables.run(
    `create table flights as select 'f' || row_number() over () as _p_row_id, date::timestamp as _p_event_time,
     delay::double as delay, distance::double as distance, origin, destination from read_parquet(${quoteText(flights)})`,
  );
  for (let from = 0; from < rows; from += segmentRows) {
    const file = path.join(folder, `segment-${from}.parquet`);
    const until = Math.min(from + segmentRows, rows);
    await tables.run(
      `copy (select * from flights where rowid >= ${from} and rowid < ${until}) to ${quoteText(file)} (format parquet, compression zstd)`,
    );
    digests.push((await artifacts.putFile(file)).digest);
  }
  await tables.close();
  return digests;
}

/** By the service, as it is built. */
async function make(folder: string, digests: readonly string[]): Promise<Record<string, number>> {
  const { makeDataset } = await served<{ makeDataset: MakeDataset }>(
    ...['services', 'featurize', 'dist', 'datasets', 'make-dataset.js'],
  );
  const { parseSystem } = await served<{ parseSystem: (text: string) => object }>(
    ...['libs', 'spec', 'dist', 'mod.js'],
  );
  const workFolder = path.join(folder, 'work');
  mkdirSync(workFolder);
  const system = parseSystem(yaml);
  const tables = await openTables({ tempDir: workFolder, memoryLimitBytes });
  const means = { tables, artifacts: await storeOf(folder), workFolder, trainingRowsMin: 10 };
  const [began, cpuBefore] = [performance.now(), process.cpuUsage()];
  const made = await makeDataset(
    means,
    { system, version: 1, specDigest: '' },
    { rows: digests, labels: [] },
  );
  const seconds = (performance.now() - began) / 1000;
  const { user, system: kernel } = process.cpuUsage(cpuBefore);
  await tables.close();
  if ('refusal' in made) throw new Error(made.refusal);
  return {
    seconds,
    cpuSeconds: (user + kernel) / 1e6,
    bytes: process.resourceUsage().maxRSS * 1024,
    trainingRows: made.trainingRows,
  };
}

const [, program, step, folder = '', word = ''] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
  const answer =
    step === 'prepare' ? await prepare(folder, Number(word)) : await make(folder, JSON.parse(word));
  process.stdout.write(JSON.stringify(answer));
}
