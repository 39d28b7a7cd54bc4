import { join } from 'node:path';
import type { Perennial } from '@perennial/client';
import { openTables, type Tables } from '@perennial/tables';
import { type ClientApp, system } from './client-app.js';
import { closingTable, meanMae, type QualityRow } from './closing-table.js';
import type { Day } from './days.js';
import type { Switches } from './switches.js';
import type { Timeline } from './timeline.js';

interface Told {
  days: Day[];
  app: ClientApp;
  timeline: Timeline;
  switches: Switches;
  dataFolder: string;
  playFrom: string;
  playTo: string;
}

interface Check {
  says: string;
  holds: boolean;
}

/** The other station rounds to 0.1 °F, which is 0.06 °C. */
const temperatureTolerance = 0.06;

/** Prints the closing table and what must hold; true when all of it does. */
export async function checkStory(platform: Perennial, told: Told): Promise<boolean> {
  const quality = await platform.call<{ rows?: QualityRow[]; failed?: string }>(
    'GET',
    `/v1/systems/${system}/quality`,
  );
  process.stdout.write(`\n${closingTable(quality.rows ?? [])}\n\n`);
  const checks = [
    ...(await modelChecks(platform, quality.rows ?? [])),
    ...requestChecks(told, Number(quality.failed ?? 0)),
    ...(await dataChecks(platform, told)),
    ...(await auditChecks(platform, told.timeline)),
  ];
  for (const { holds, says } of checks) process.stdout.write(`${holds ? '✓' : '✗'} ${says}\n`);
  return checks.every(({ holds }) => holds);
}

async function modelChecks(platform: Perennial, quality: QualityRow[]): Promise<Check[]> {
  const answer = await platform.call<{ rollouts?: { trigger?: string; phase?: string }[] }>(
    'GET',
    `/v1/systems/${system}`,
  );
  const automatic = (answer.rollouts ?? []).filter(
    ({ trigger, phase }) => trigger === 'ROLLOUT_TRIGGER_REVIEW' && phase === 'ROLLOUT_PHASE_PROMOTED',
  ).length;
  const served = meanMae(quality, 'served', '2012-05', '2012-12');
  const frozen = meanMae(quality, 'version:1', '2012-05', '2012-12');
  const share = (100 * served) / frozen;
  return [
    { holds: automatic >= 2, says: `${automatic} automatic promotions (at least 2)` },
    {
      holds: share <= 60,
      says: `mean MAE May to December 2012: served ${served.toFixed(2)} °C, frozen ${frozen.toFixed(2)} °C, ${share.toFixed(1)} % (at most 60 %)`,
    },
  ];
}

function requestChecks({ app, switches }: Told, failedAtGateway: number): Check[] {
  return [
    {
      holds: app.failed === 0 && failedAtGateway === 0,
      says: `${app.failed} of ${app.asked} requests failed${app.failed ? `; the first: ${app.firstFailure}` : ''}`,
    },
    {
      holds: true,
      says: `rollback in ${switches.rollbackMs} ms, forward in ${switches.forwardMs} ms, under ${switches.requests} requests`,
    },
  ];
}

async function dataChecks(platform: Perennial, { days, dataFolder, playTo }: Told): Promise<Check[]> {
  const expected = days.filter(({ date }) => date <= playTo);
  const tables = await openTables({});
  try {
    const exported = await platform.call<{ digest: string; rows: number }>(
      'POST',
      `/v1/systems/${system}/features/export`,
      {
        json: { from: `${expected[0]?.date}T00:00:00Z`, to: '2014-01-01T00:00:00Z' },
      },
    );
    const rows = await readRows(tables, dataFolder, exported.digest);
    const datasets = await platform.call<{
      datasets?: { training_digest: string; holdout_digest: string }[];
    }>('GET', `/v1/systems/${system}/datasets`);
    const digests = (datasets.datasets ?? []).flatMap((dataset) => [
      dataset.training_digest,
      dataset.holdout_digest,
    ]);
    const wrong = (await Promise.all(digests.map((digest) => readRows(tables, dataFolder, digest))))
      .flat()
      .filter((row) => !isTrue(row, expected));
    return [
      {
        holds: rows.length === expected.length,
        says: `${rows.length} of ${expected.length} rows are verified and labelled: none is lost`,
      },
      {
        holds: rows.every((row) => isTrue(row, expected)),
        says: 'repaired rows and their windows are right again',
      },
      {
        holds: digests.length > 0 && wrong.length === 0,
        says: `${wrong.length} quarantined rows in ${digests.length / 2} training sets and their hold-outs`,
      },
    ];
  } finally {
    await tables.close();
  }
}

async function readRows(
  tables: Tables,
  dataFolder: string,
  digest: string,
): Promise<Record<string, unknown>[]> {
  const hash = digest.replace('sha256:', '');
  const file = join(dataFolder, 'artifacts', 'sha256', hash.slice(0, 2), hash);
  return tables.rows(`select * from read_parquet($file) order by _p_event_time`, { file });
}

/** Does the row say what the file says of its day and of the seven days before it? */
function isTrue(row: Record<string, unknown>, days: Day[]): boolean {
  const date = new Date(row['_p_event_time'] as number | string).toISOString().slice(0, 10);
  const at = days.findIndex((day) => day.date === date);
  const day = days[at];
  if (!day) return false;
  const week = days.slice(Math.max(0, at - 7), at);
  const mean = week.length ? week.reduce((sum, { temp_max }) => sum + temp_max, 0) / week.length : null;
  return (
    isNear(row['temp_min'], day.temp_min) &&
    isNear(row['temp_max_yesterday'], days[at - 1]?.temp_max ?? null) &&
    isNear(row['temp_max_7d'], mean) &&
    isNear(row['temp_max'], day.temp_max)
  );
}

function isNear(value: unknown, wanted: number | null): boolean {
  if (wanted === null) return value === null || value === undefined;
  return typeof value === 'number' && Math.abs(value - wanted) <= temperatureTolerance;
}

async function auditChecks(platform: Perennial, timeline: Timeline): Promise<Check[]> {
  const audit = await platform.call<{ verified?: boolean; entries?: string; problems?: string[] }>(
    'GET',
    '/v1/audit/verify',
  );
  const why = await platform.call<{ steps?: { text?: string; depth?: number }[] }>(
    'GET',
    `/v1/why?${new URLSearchParams({ subject: `model ${system}@champion` })}`,
  );
  process.stdout.write(
    `why model ${system}@champion\n${(why.steps ?? []).map((step) => `${'  '.repeat((step.depth ?? 0) + 1)}${step.text}`).join('\n')}\n\n`,
  );
  return [
    {
      holds: audit.verified === true,
      says: `audit log verifies: ${audit.entries} entries ${(audit.problems ?? []).join('; ')}`,
    },
    {
      holds: (why.steps ?? []).length >= 3,
      says: `the champion's causal chain has ${(why.steps ?? []).length} steps`,
    },
    { holds: timeline.promotions > 0, says: `${timeline.promotions} moves of the champion alias in the log` },
  ];
}
