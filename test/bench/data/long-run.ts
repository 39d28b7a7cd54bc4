import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Perennial } from '@perennial/client';
import { invalid, waitFor } from '@perennial/kernel';
import { type Platform, startPlatform } from '@perennial/local';
import { openTables, quoteText, type Tables } from '@perennial/tables';
import { line } from '../figures.js';
import { pssBytes, withChildren } from '../serving/machine.js';

const source = 'readings';
const services = ['ingest', 'validate', 'featurize'] as const;
const rowsPerFile = 1_000_000;
const start = Date.UTC(2020, 0, 1);
/** Rows come a second apart, so that 100 million are three years of one event time each. */
const rowMs = 1_000;

const system = `
apiVersion: perennial/v1
kind: System
name: long-run
source: { name: ${source}, time: at, key: [], schema: inferred }
label: { name: high, expr: "load > 0.9", task: classification, arrives: { within: 1h } }
features:
  - { name: temperature }
  - { name: site }
  - { name: load_hour, from: load, window: 1h, by: [site], offset: 1h, as: mean }
train: { trainer: gbdt, on: { from: 2300-01-01, to: 2300-02-01 }, resources: { pool: cpu } }
gate: { metric: auc, hold-out: { last: 1000 rows } }
monitor: { window: 1000 rows, decay: { metric: auc, worse-than: 5% } }
on-decay: alert
`;

/**
 * Generated rows pass ingest, validate and featurize, a file of a million at a time; after each file the memory of the
 * three is printed, so that the curve shows whether it is flat. `rows=2000000` runs a shorter one; 100,000,000 is meant.
 */
export async function run(words: readonly string[]): Promise<void> {
  const rows = rowsOf(words);
  const folder = mkdtempSync(path.join(tmpdir(), 'perennial-long-run-'));
  const tables = await openTables({ tempDir: folder });
  const platform = await startPlatform({ dataDir: path.join(folder, 'data') });
  try {
    const client = new Perennial({ url: platform.urls.http, token: platform.token });
    await client.applySystem(system);
    line(
      `long run: ${rows.toLocaleString('en')} rows through ${services.join(', ')}; MiB PSS after each file`,
    );
    for (let from = 0; from < rows; from += rowsPerFile) {
      await pass(platform, client, tables, { folder, from, to: Math.min(rows, from + rowsPerFile) });
    }
  } finally {
    await platform.stop();
    await tables.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(words: readonly string[]): number {
  const [name, value] = words[0]?.split('=') ?? ['rows', '100000000'];
  const rows = Number(value);
  if (words.length > 1 || name !== 'rows' || !Number.isSafeInteger(rows) || rows < 1)
    throw invalid('BENCH_WORDS', `"${words.join(' ')}": say rows=<number>, for example rows=2000000`);
  return rows;
}

interface Slice {
  readonly folder: string;
  readonly from: number;
  readonly to: number;
}

/** Sends one file and waits until its last row has become features. */
async function pass(platform: Platform, client: Perennial, tables: Tables, slice: Slice): Promise<void> {
  const file = path.join(slice.folder, 'rows.parquet');
  await generate(tables, file, slice);
  const began = performance.now();
  const answer = await client.publish(source, 'rows', createReadStream(file), {
    producer: 'bench',
    format: 'parquet',
  });
  const taken = performance.now();
  const last = new Date(start + (slice.to - 1) * rowMs).toISOString();
  await waitFor(
    'the last row to be a feature row',
    async () => (await client.watermark('long-run', { rows: last, waitMs: 10_000 })).rows >= last,
    { withinMs: 600_000, everyMs: 50 },
  );
  const seconds = (performance.now() - began) / 1000;
  const mib = services.map((name) => {
    const bytes = pssBytes(withChildren(platform.pid(name) ?? 0));
    return `${name} ${Math.round(bytes / 2 ** 20)}`;
  });
  const speed = Math.round((slice.to - slice.from) / seconds).toLocaleString('en');
  line(
    `${String(slice.to).padStart(11)} rows, ${answer.taken} taken in ${((taken - began) / 1000).toFixed(1)} s, ` +
      `all through at ${speed}/s, ${((await stat(file)).size / 2 ** 20).toFixed(0)} MiB; ${mib.join(', ')}`,
  );
}

/** Deterministic, and unlike a copy: a file that comes again would be a duplicate. */
async function generate(tables: Tables, file: string, { from, to }: Slice): Promise<void> {
  await tables.run(`
    copy (
      select epoch_ms(${start} + i * ${rowMs}) as at,
             'site-' || (hash(i) % 50)::varchar as site,
             round(15 + 10 * sin(i / 86400.0 * 2 * pi()) + (hash(i + 1) % 1000) / 250.0, 2) as temperature,
             round((hash(i + 2) % 100000) / 100000.0, 5) as load
      from range(${from}, ${to}) as r(i)
    ) to ${quoteText(file)} (format parquet, compression zstd)`);
}
