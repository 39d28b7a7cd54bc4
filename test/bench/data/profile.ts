/**
 * The profile of a Parquet file of 1,000,000 rows and 20 columns, against pandas (`read_parquet`, `describe` and
 * `value_counts` of each column), against one scan of the same columns by DuckDB that asks for no more than count, extremes,
 * mean and deviation, and against DuckDB's own profile (`SUMMARIZE`: distinct counts and quartiles as well, which ours has
 * with frequent values, extremes and what texts look like). All in one run, on two threads, by the median of the rounds.
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
const pandasTimesMin = 5;
const scanTimesMax = 2;
/** Another interpreter than python3, for example of a virtual environment that has pandas. */
const python = process.env['PERENNIAL_BENCH_PYTHON'] ?? 'python3';

/** As SQL over a row's number `i` and four numbers in [0, 1) that are its own. */
const columns: Readonly<Record<string, string>> = {
  id: `'customer-' || i`,
  amount: 'round(exp(3 + 2 * (u1 + u2 + u3 - 1.5)), 2)',
  temperature: '15 + 10 * (u1 + u2 + u3 + u4 - 2)',
  humidity: 'round(100 * u2)',
  pressure: 'round(980 + 60 * (u3 + u4) / 2, 1)',
  speed: 'case when u4 < 0.03 then null else u1 * 120 end',
  age: 'floor(18 + 70 * u2)::double',
  items: 'floor(1 + 6 * u3 * u3)::double',
  balance: '(u1 - 0.3) * 1e6',
  rare: 'case when u2 < 0.9 then null else u3 end',
  latitude: '47 + u1',
  longitude: '8 + u2',
  sequence: 'i::double',
  flag: 'u1 < 0.2',
  isNew: 'u4 < 0.5',
  country: `'c' || floor(60 * u1 * u2)::integer`,
  status: `case when u3 < 0.7 then 'active' when u3 < 0.95 then 'paused' else 'gone' end`,
  product: `'product ' || floor(2000 * u4)::integer`,
  plan: `case when u2 < 0.02 then null else 'plan-' || floor(4 * u2)::integer end`,
  day: `strftime(date '2020-01-01' + floor(1000 * u1)::integer, '%Y-%m-%d')`,
};

export async function run(words: readonly string[]): Promise<void> {
  const rows = rowsOf(words);
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-profile-'));
  const tables = await openTables({ tempDir: folder, memoryLimitBytes: 2 ** 30 });
  try {
    const file = path.join(folder, 'segment.parquet');
    await makeFile(tables, file, rows);
    const profileFile = await ours();
    // The scan and the profile take turns, so that what else the machine does meets both.
    const [profiles, scans, summaries]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round <= rounds; round++) {
      const [scan, profile] = [
        await timed(() => scanOnce(tables, file)),
        await timed(async () => {
          const { columns: found } = await profileFile(tables, file);
          if (found.size !== Object.keys(columns).length) throw new Error(`${found.size} columns`);
        }),
      ];
      if (round > 0) {
        scans.push(scan);
        summaries.push(await timed(() => summarize(tables, file)));
        profiles.push(profile);
      }
    }
    const [profile, scan] = [median(profiles), median(scans)];
    line(`profile: ${rows.toLocaleString('en')} rows x ${Object.keys(columns).length} columns of Parquet`);
    line(
      `  profile         ${ms(profile)} (${Math.round((rows / profile) * 1000).toLocaleString('en')} rows/s)`,
    );
    line(`  one DuckDB scan ${ms(scan)}: ${told(profile / scan, '<=', scanTimesMax)}`);
    const summary = median(summaries);
    line(`  SUMMARIZE       ${ms(summary)}: ratio ${(profile / summary).toFixed(2)}`);
    const pandas = pandasMs(file);
    line(
      typeof pandas === 'string'
        ? `  pandas          not measured: ${pandas}`
        : `  pandas          ${ms(pandas)}: ${told(pandas / profile, '>=', pandasTimesMin)}`,
    );
  } finally {
    await tables.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `rows=100000` makes a smaller file. */
function rowsOf(words: readonly string[]): number {
  const [name, value] = words[0]?.split('=') ?? ['rows', '1000000'];
  const rows = Number(value);
  if (name === 'rows' && Number.isInteger(rows) && rows > 0 && words.length < 2) return rows;
  throw invalid('BENCH_WORDS', `bench data profile takes rows=<count>, got "${words.join(' ')}"`);
}

async function makeFile(tables: Tables, file: string, rows: number): Promise<void> {
  const cells = Object.entries(columns).map(([name, sql]) => `${sql} as "${name}"`);
  const unit = (n: number) => `(hash(i * 4 + ${n}) >> 11)::double / 2^53 as u${n}`;
  await tables.run(
    `copy (select 'row-' || i as _p_row_id, make_timestamp(1577836800000000 + i * 1000000) as _p_event_time, ${cells.join(', ')}
     from (select i, ${[1, 2, 3, 4].map(unit).join(', ')} from range(${rows}) r(i)))
     to ${quoteText(file)} (format parquet, compression zstd)`,
  );
}

type ProfileFile = (tables: Tables, file: string) => Promise<{ columns: ReadonlyMap<string, unknown> }>;

/** Of the service, as it is built. */
async function ours(): Promise<ProfileFile> {
  const module = path.join(rootDir, 'services', 'validate', 'dist', 'effects', 'profile-file.js');
  return ((await import(pathToFileURL(module).href)) as { profileFile: ProfileFile }).profileFile;
}

async function scanOnce(tables: Tables, file: string): Promise<void> {
  const types = await tables.rows(`describe select * from read_parquet(${quoteText(file)})`);
  const asked = types
    .filter(({ column_name: name }) => !String(name).startsWith('_p_'))
    .flatMap(({ column_name: name, column_type: type }) => {
      const plain = [`count("${name}")`, `min("${name}")`, `max("${name}")`];
      return type === 'DOUBLE' ? [...plain, `avg("${name}")`, `stddev_samp("${name}")`] : plain;
    });
  const named = asked.map((sql, i) => `${sql} as a${i}`).join(', ');
  await tables.rows(`select ${named} from read_parquet(${quoteText(file)})`);
}

async function summarize(tables: Tables, file: string): Promise<void> {
  const names = Object.keys(columns).map((name) => `"${name}"`);
  await tables.rows(`summarize select ${names.join(', ')} from read_parquet(${quoteText(file)})`);
}

const program = `
import sys, time
import pandas as pd
def once():
    began = time.perf_counter()
    frame = pd.read_parquet(sys.argv[1])
    frame = frame[[name for name in frame.columns if not name.startswith('_p_')]]
    frame.describe(include='all')
    for name in frame.columns:
        frame[name].value_counts()
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

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function told(ratio: number, sign: '<=' | '>=', bound: number): string {
  const isMet = sign === '<=' ? ratio <= bound : ratio >= bound;
  return `ratio ${ratio.toFixed(2)} (${sign} ${bound}: ${isMet ? 'met' : 'MISSED'})`;
}
