/**
 * Rows a second that validate takes: a segment of 500,000 rows and ten columns in Parquet is read as the schema says,
 * judged, profiled and split into good and held rows, by the service's own function with the files it would write, on two
 * threads. Beside it pandas' range, null and domain checks of the same columns, which keep no row and write nothing.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { invalid } from '@perennial/kernel';
import { rootDir } from '@perennial/local';
import { openTables, quoteText, type Tables } from '@perennial/tables';
import { line, ms } from '../figures.js';

const rounds = 5;
const perSecondMin = 400_000;
/** One row in so many is beyond all bounds. */
const badEvery = 1_000;
const python = process.env['PERENNIAL_BENCH_PYTHON'] ?? 'python3';

/** As SQL over a row's number `i` and three numbers in [0, 1) that are its own. */
const columns: Readonly<Record<string, string>> = {
  carrier: `['UA', 'B6', 'EV', 'DL', 'AA', 'MQ', 'US', 'WN'][1 + floor(8 * u1)::integer]`,
  origin: `['EWR', 'JFK', 'LGA'][1 + floor(3 * u2)::integer]`,
  destination: `'D' || floor(100 * u3)::integer`,
  distance: 'round(200 + 2400 * u3)',
  airTime: `case when i % ${badEvery} = 0 then 1e7 else round(40 + 300 * u3 + 30 * u1) end`,
  delay: 'round(200 * u1 * u1 * u2 - 20)',
  temperature: '15 + 10 * (u1 + u2 + u3 - 1.5)',
  wind: 'case when u2 < 0.02 then null else round(40 * u1, 1) end',
  isLate: 'u1 * u2 > 0.4',
  seats: 'floor(50 + 300 * u3)::double',
};

/** Of the service as it is built; as far as is used here. */
interface Validate {
  verifySegment(segment: object, known: object, means: object): Promise<Verified>;
  noKnowledge: object;
  inferSchema(profile: object): object;
  SegmentFiles: new (artifacts: object, folder: string) => object;
  openArtifacts(options: { url: string }): Promise<{ putFile(file: string): Promise<{ digest: string }> }>;
}

interface Verified {
  readonly good: { readonly rows: number } | undefined;
  readonly held: { readonly rows: number } | undefined;
  readonly profile: object;
  readonly standing: object;
  readonly recent: readonly object[];
}

/** In ms. */
interface Cost {
  readonly duration: number;
  readonly cpu: number;
}

export async function run(words: readonly string[]): Promise<void> {
  const rows = rowsOf(words);
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-validate-'));
  const tables = await openTables({ tempDir: folder });
  try {
    const file = path.join(folder, 'segment.parquet');
    await makeFile(tables, file, rows);
    const { clean, split } = await rounded(await validate(), tables, { folder, file, rows });
    line(`validate: ${rows.toLocaleString('en')} rows x ${Object.keys(columns).length} columns of Parquet`);
    tell('every row is good               ', rows - rows / badEvery, clean);
    tell(`one row in ${badEvery} is bad, and held`, rows, split);
    const pandas = pandasMs(file);
    line(
      typeof pandas === 'string'
        ? `  pandas checks: not measured, ${pandas}`
        : `  pandas checks: ${ms(pandas)}, ratio ${(pandas / clean.duration).toFixed(2)} and ${(pandas / split.duration).toFixed(2)}`,
    );
  } finally {
    await tables.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** With the CPU time a row, which a busy machine changes less: two cores have 5 µs for a row at 400,000 a second. */
function tell(what: string, rows: number, { duration, cpu }: Cost): void {
  const perSecond = (rows / duration) * 1000;
  const verdict = perSecond >= perSecondMin ? 'met' : 'MISSED';
  line(
    `  ${what} ${ms(duration)}: ${Math.round(perSecond).toLocaleString('en')} rows/s (>= ${perSecondMin.toLocaleString('en')}: ${verdict}), ${((1000 * cpu) / rows).toFixed(1)} µs of CPU a row`,
  );
}

/** Medians in ms. What the first segment teaches is what the others are judged by; the first round warms up. */
async function rounded(
  { verifySegment, noKnowledge, inferSchema, SegmentFiles, openArtifacts }: Validate,
  tables: Tables,
  { folder, file, rows }: { folder: string; file: string; rows: number },
): Promise<{ clean: Cost; split: Cost }> {
  const artifacts = await openArtifacts({ url: pathToFileURL(path.join(folder, 'artifacts')).href });
  const { digest } = await artifacts.putFile(file);
  const good = path.join(folder, 'good.parquet');
  await tables.run(
    `copy (select * from read_parquet(${quoteText(file)}) where airTime < 1e6) to ${quoteText(good)} (format parquet, compression zstd)`,
  );
  const means = { tables, files: new SegmentFiles(artifacts, folder), now: Date.UTC(2030, 0, 1) };
  const segment = { digest, rows, eventTimeMin: 0, eventTimeMax: 0, smallRows: undefined };
  const cleanSegment = {
    ...segment,
    digest: (await artifacts.putFile(good)).digest,
    rows: rows - rows / badEvery,
  };
  const { profile, standing, recent } = await verifySegment(cleanSegment, noKnowledge, means);
  const known = { ...noKnowledge, profile, schema: inferSchema(profile), standing, recent };
  const costs = { clean: [] as Cost[], split: [] as Cost[] };
  for (let round = 0; round <= rounds; round++) {
    for (const [name, one, bad] of [
      ['clean', cleanSegment, 0],
      ['split', segment, rows / badEvery],
    ] as const) {
      const [began, before] = [performance.now(), process.cpuUsage()];
      const { held } = await verifySegment(one, known, means);
      const { user, system } = process.cpuUsage(before);
      const cost = { duration: performance.now() - began, cpu: (user + system) / 1000 };
      if (round > 0) costs[name].push(cost);
      if ((held?.rows ?? 0) !== bad) throw new Error(`${held?.rows} rows were held`);
    }
  }
  return { clean: medianOf(costs.clean), split: medianOf(costs.split) };
}

/** `rows=100000` makes a smaller segment. */
function rowsOf(words: readonly string[]): number {
  const [name, value] = words[0]?.split('=') ?? ['rows', '500000'];
  const rows = Number(value);
  if (name === 'rows' && rows >= 100_000 && rows % badEvery === 0 && words.length < 2) return rows;
  throw invalid(
    'BENCH_WORDS',
    `bench data validate takes rows=<thousands, 100000 or more>, got "${words.join(' ')}"`,
  );
}

async function makeFile(tables: Tables, file: string, rows: number): Promise<void> {
  const cells = Object.entries(columns).map(([name, sql]) => `${sql} as "${name}"`);
  const unit = (n: number) => `(hash(i * 3 + ${n}) >> 11)::double / 2^53 as u${n}`;
  await tables.run(
    `copy (select 'row-' || i as _p_row_id, make_timestamp(1577836800000000 + i * 1000000) as _p_event_time, ${cells.join(', ')}
     from (select i, ${[1, 2, 3].map(unit).join(', ')} from range(${rows}) r(i)))
     to ${quoteText(file)} (format parquet, compression zstd)`,
  );
}

async function validate(): Promise<Validate> {
  const load = (...names: string[]) => import(pathToFileURL(path.join(rootDir, ...names)).href);
  const service = ['services', 'validate', 'dist'];
  const modules = await Promise.all([
    load(...service, 'verify.js'),
    load(...service, 'rules', 'judge-segment.js'),
    load(...service, 'schema', 'learned.js'),
    load(...service, 'effects', 'segment-files.js'),
    load('libs', 'artifacts', 'dist', 'mod.js'),
  ]);
  return Object.assign({}, ...modules) as Validate;
}

const program = `
import sys, time
import pandas as pd
def once():
    began = time.perf_counter()
    frame = pd.read_parquet(sys.argv[1])
    bad = frame['airTime'] > 1e6
    for name in ('distance', 'airTime', 'delay', 'temperature', 'wind', 'seats'):
        bad |= (frame[name] < -1e6) | (frame[name] > 1e6)
    for name in ('carrier', 'origin', 'distance', 'airTime', 'isLate', 'seats'):
        bad |= frame[name].isna()
    for name in ('carrier', 'origin', 'destination'):
        bad |= ~frame[name].isin(list(frame[name].unique()))
    int(bad.sum())
    return (time.perf_counter() - began) * 1000
once()
print(min(once() for _ in range(3)))
`;

/** The best of three, in ms; or why there is none. */
function pandasMs(file: string): number | string {
  if (spawnSync(python, ['-c', 'import pandas, pyarrow'], { timeout: 60_000 }).status !== 0)
    return `${python} has no pandas and pyarrow; name one that has by PERENNIAL_BENCH_PYTHON`;
  const { stdout, status, stderr } = spawnSync(python, ['-c', program, file], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return Number(stdout);
}

function medianOf(costs: readonly Cost[]): Cost {
  return {
    duration: median(costs.map(({ duration }) => duration)),
    cpu: median(costs.map(({ cpu }) => cpu)),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
