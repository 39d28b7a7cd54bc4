import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { rootDir } from '@perennial/local';
import type { BenchOptions } from './options.js';
import { plotOf } from './plot.js';
import type { Row } from './summary.js';
import type { Results, Verdict } from './verdicts.js';

const serverNames = { bare: 'bare', edge: 'edge', pool: 'two processes' } as const;

/** For the console. */
export function lines(results: Results, verdicts: readonly Verdict[]): string[] {
  return [
    ...results.rows.map(
      (row) =>
        `${row.protocol.padEnd(11)} ${String(row.connections).padStart(3)} conn ${String(row.rows).padStart(2)} rows  ` +
        `${`${serverNames[row.server]}${row.model ? `, ${row.model}` : ''}`.padEnd(22)} ${rateOf(row).padStart(9)}/s  ` +
        `p50 ${msOf(row.p50Us)} p99 ${msOf(row.p99Us)} p99.9 ${msOf(row.p999Us)}  CPU ${row.cpuUs.toFixed(1)} us` +
        (row.server === 'bare'
          ? ''
          : ` (${row.cpuRatio.toFixed(2)} of bare; all ${row.wholeCpuUs.toFixed(1)})`) +
        (row.failed > 0 ? `  ${row.failed} FAILED` : ''),
    ),
    '',
    ...verdicts.map(
      ({ target, measured, outcome }) => `${outcome.toUpperCase().padEnd(12)} ${target}: ${measured}`,
    ),
  ];
}

/** Writes docs/performance.md and its plot. */
export async function writePage(
  results: Results,
  verdicts: readonly Verdict[],
  options: BenchOptions,
): Promise<void> {
  const docs = path.join(rootDir, 'docs');
  const template = readFileSync(path.join(rootDir, 'test', 'bench', 'serving', 'page.md'), 'utf8');
  const parts: Record<string, string> = {
    machine: machine(options, results),
    verdicts: table(
      ['target', 'measured', ''],
      verdicts.map(({ target, measured, outcome }) => [target, measured, outcomeNames[outcome]]),
    ),
    cells: cellTable(results.rows),
    'in-process': table(
      ['model', 'rows', 'CPU us a call, median', 'best', 'rows/s'],
      results.inProcess.map((row) => [
        row.model,
        row.rows,
        row.cpuUs.toFixed(1),
        row.bestCpuUs.toFixed(1),
        grouped(row.rowsPerSecond),
      ]),
    ),
    open: table(
      ['server', 'p50 ms', 'p99 ms', 'p99 of the best round', 'foreign CPU'],
      results.open.map((row) => [
        serverNames[row.server],
        msOf(row.p50Us),
        msOf(row.p99Us),
        msOf(row.bestP99Us),
        percent(row.foreign),
      ]),
    ),
    overload: table(
      [
        'asked/s',
        'times capacity',
        'answered in time/s',
        'refused/s',
        'late or never sent/s',
        'refusal p50 ms',
        'p99',
        'answer p99 ms',
      ],
      results.overload.map((row) => [
        grouped(row.askedPerSecond),
        row.times,
        grouped(row.goodPerSecond),
        grouped(row.refusedPerSecond),
        grouped(row.latePerSecond),
        msOf(row.refusalP50Us),
        msOf(row.refusalP99Us),
        msOf(row.p99Us),
      ]),
    ),
    memory: table(
      ['place', 'requests', 'MiB of gateway and inference, after each tenth'],
      results.memory.map(({ place, requests, pss }) => [
        serverNames[place],
        grouped(requests),
        pss.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(', '),
      ]),
    ),
  };
  const page = template.replace(/\{\{([a-z-]+)\}\}/g, (_, name: string) => parts[name] ?? '');
  writeFileSync(path.join(docs, 'performance.md'), page);
  writeFileSync(path.join(docs, 'performance.svg'), plotOf(results.rows));
}

const outcomeNames = {
  reached: 'reached',
  missed: '**missed**',
  busy: 'machine too busy to say',
  'not measured': 'not measured',
} as const;

function machine({ rounds, slotMs }: BenchOptions, { rows }: Results): string {
  const foreign = rows.map((row) => row.foreign).sort((a, b) => a - b);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: rootDir }).toString().trim();
  return (
    `${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}, commit ${commit}; ` +
    `${rounds} rounds of ${slotMs} ms slots; other work took ${percent(foreign[foreign.length >> 1] ?? 0)} of the machine in ` +
    `the middle slot and ${percent(foreign.at(-1) ?? 0)} in the worst; the load generator shares the cores.`
  );
}

function cellTable(rows: readonly Row[]): string {
  return table(
    [
      'protocol',
      'conn.',
      'rows',
      'server',
      'requests/s',
      'best',
      'rows/s',
      'p50 ms',
      'p99',
      'p99.9',
      'CPU us/req',
      'best',
      'x bare',
      'whole platform',
      'failed',
    ],
    rows.map((row) => [
      row.protocol,
      row.connections,
      row.rows,
      row.model ? `${serverNames[row.server]}, ${row.model}` : 'bare',
      rateOf(row),
      grouped(row.bestPerSecond),
      grouped(row.perSecond * row.rows),
      msOf(row.p50Us),
      msOf(row.p99Us),
      msOf(row.p999Us),
      row.cpuUs.toFixed(1),
      row.bestCpuUs.toFixed(1),
      row.server === 'bare' ? '1' : row.cpuRatio.toFixed(2),
      row.server === 'bare' ? '' : row.wholeCpuUs.toFixed(1),
      row.failed,
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return 'Left out of this run.';
  const aligned = head.map((_, at) =>
    typeof rows[0]?.[at] === 'number' || /^[\d.,]+$/.test(String(rows[0]?.[at])) ? '---:' : '---',
  );
  return [head, aligned, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const grouped = (value: number) => Math.round(value).toLocaleString('en');
const rateOf = (row: Row) => grouped(row.perSecond);
const percent = (share: number) => `${(share * 100).toFixed(0)} %`;

function msOf(us: number): string {
  if (Number.isNaN(us)) return '-';
  return us < 10_000 ? (us / 1_000).toFixed(2) : (us / 1_000).toFixed(0);
}
