import { createReadStream, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GrpcPerennial, type Perennial } from '@perennial/client';
import { waitFor } from '@perennial/kernel';
import { openTables, type Tables } from '@perennial/tables';
import { areaUnderCurve } from './auc.js';
import { writeSpan } from './flights-file.js';
import { withProgress } from './progress.js';
import { type Column, score } from './scorer.js';

const system = 'late-flights';
const source = 'flights';
const january = { from: '2001-01-01', to: '2001-02-01' };
const february = { from: '2001-02-01', to: '2001-03-01' };
const januaryRows = 508_239;
/** scikit-learn reaches 0.697 on a fifth of the rows. */
const aucMin = 0.69;
const rowsPerRequest = 5_000;
const withinMs = 600_000;

export interface StoryPlace {
  grpcAddress: string;
  token: string;
  dataFolder: string;
}

/** Plays the story and prints it; true when it came out as it must. */
export async function tellStory(platform: Perennial, place: StoryPlace): Promise<boolean> {
  const tables = await openTables({});
  const folder = await mkdtemp(join(tmpdir(), 'perennial-flights-'));
  try {
    await platform.applySystem(readFileSync(new URL('../system.yaml', import.meta.url), 'utf8'));
    const taken = await withProgress('taking in January', () =>
      takeIn(platform, tables, january, join(folder, 'january.parquet')),
    );
    await withProgress('making features and training', () => train(platform, taken.startedAt));
    const later = await withProgress('taking in February', () =>
      takeIn(platform, tables, february, join(folder, 'february.parquet')),
    );
    const { auc, rows, seconds } = await withProgress('scoring February', () =>
      scoreFebruary(platform, tables, place),
    );
    say(
      `scored ${number(rows)} flights of February in ${seconds.toFixed(1)} s (${number(rows / seconds)} rows/s): AUC ${auc.toFixed(4)}`,
    );
    const checks = [
      { holds: taken.rows === januaryRows, says: `January is whole: ${number(taken.rows)} rows` },
      {
        holds: rows === later.rows,
        says: `February is whole: ${number(rows)} of ${number(later.rows)} rows are verified and scored`,
      },
      { holds: auc >= aucMin, says: `AUC ${auc.toFixed(4)} (at least ${aucMin})` },
    ];
    for (const { holds, says } of checks) say(`${holds ? '✓' : '✗'} ${says}`);
    return checks.every(({ holds }) => holds);
  } finally {
    await tables.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeIn(
  platform: Perennial,
  tables: Tables,
  span: { from: string; to: string },
  file: string,
): Promise<{ rows: number; startedAt: number }> {
  const rows = await writeSpan(tables, span, file);
  const startedAt = performance.now();
  const answer = await platform.publish(source, 'rows', createReadStream(file), {
    producer: 'bts',
    format: 'parquet',
  });
  if (answer.refused)
    throw new Error(`${answer.refused} rows were refused; the first: ${answer.first_refusal}`);
  await waitFor(
    'the rows to be verified',
    async () => (await platform.watermark(system, { waitMs: 10_000 })).settled,
    { withinMs, everyMs: 50 },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  say(
    `took in and verified ${number(rows)} flights from ${span.from} in ${seconds.toFixed(1)} s (${number(rows / seconds)} rows/s)`,
  );
  return { rows, startedAt };
}

interface Run {
  status?: string;
  reason?: string;
  training_rows?: number;
  duration_seconds?: number;
  peak_memory_bytes?: number;
}

async function train(platform: Perennial, startedAt: number): Promise<void> {
  const requestedAt = performance.now();
  await platform.call('POST', `/v1/systems/${system}/retrain`, {
    json: { reason: 'January is in', requested_by: 'story' },
  });
  await waitFor(
    'the features',
    async () =>
      (
        (await platform.call<{ datasets?: unknown[] }>('GET', `/v1/systems/${system}/datasets`)).datasets ??
        []
      ).length > 0,
    { withinMs, everyMs: 100 },
  );
  const verifiedMs = requestedAt - startedAt;
  const featuresSeconds = (performance.now() - startedAt) / 1000;
  say(
    `ingest to features: ${number(januaryRows / featuresSeconds)} rows/s (${featuresSeconds.toFixed(1)} s, of which features ${(featuresSeconds - verifiedMs / 1000).toFixed(1)} s)`,
  );
  await waitFor(
    'the first champion',
    async () => {
      const answer = await platform.call<{
        summary?: { champion?: number };
        rollouts?: { phase?: string; reason?: string }[];
      }>('GET', `/v1/systems/${system}`);
      const rollout = answer.rollouts?.[0];
      if (rollout?.phase === 'ROLLOUT_PHASE_FAILED' || rollout?.phase === 'ROLLOUT_PHASE_REJECTED')
        throw new Error(`the rollout ended: ${rollout.reason}`);
      return answer.summary?.champion === 1;
    },
    { withinMs, everyMs: 250 },
  );
  const run = (await platform.call<{ runs?: Run[] }>('GET', `/v1/systems/${system}/runs`)).runs?.[0];
  const rows = run?.training_rows ?? 0;
  const seconds = run?.duration_seconds ?? Number.NaN;
  say(
    `trained on ${number(rows)} rows in ${seconds.toFixed(1)} s (${number(rows / seconds)} rows/s), peak memory ${number((run?.peak_memory_bytes ?? 0) / 2 ** 20)} MiB`,
  );
}

async function scoreFebruary(
  platform: Perennial,
  tables: Tables,
  place: StoryPlace,
): Promise<{ auc: number; rows: number; seconds: number }> {
  const exported = await platform.call<{ digest: string; features: string[]; label: string }>(
    'POST',
    `/v1/systems/${system}/features/export`,
    {
      json: { from: `${february.from}T00:00:00Z`, to: `${february.to}T00:00:00Z` },
      timeoutMs: withinMs,
    },
  );
  const hash = exported.digest.replace('sha256:', '');
  const file = join(place.dataFolder, 'artifacts', 'sha256', hash.slice(0, 2), hash).replaceAll("'", "''");
  const columns = await tables.columns(
    `select ${[...exported.features, exported.label].map((name) => `"${name}"`).join(', ')} from read_parquet('${file}') order by _p_row_id`,
  );
  const labels = columns[exported.label] as Float64Array;
  const scores = new Float64Array(labels.length);
  const server = new GrpcPerennial({ address: place.grpcAddress, token: place.token });
  const startedAt = performance.now();
  for (let start = 0; start < labels.length; start += rowsPerRequest) {
    const part = exported.features.map((name): [string, Column] => [
      name,
      (columns[name] as Column).slice(start, start + rowsPerRequest),
    ]);
    scores.set(await score(server, system, Object.fromEntries(part)), start);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  server.close();
  return { auc: areaUnderCurve(scores, labels), rows: labels.length, seconds };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en');
}
