import type { MemoryRow, OpenRow, OverloadRow } from './extras.js';
import type { InProcessRow } from './in-process.js';
import type { PythonRow } from './python.js';
import type { Row } from './summary.js';

export interface Results {
  readonly rows: readonly Row[];
  readonly inProcess: readonly InProcessRow[];
  readonly open: readonly OpenRow[];
  readonly overload: readonly OverloadRow[];
  readonly memory: readonly MemoryRow[];
  readonly python: readonly PythonRow[];
}

export interface Verdict {
  readonly target: string;
  readonly measured: string;
  /** `busy`: missed, on a machine too busy to blame the platform for it. */
  readonly outcome: 'reached' | 'missed' | 'busy' | 'not measured';
}

/** Of the machine, taken by neither server nor load. */
const foreignShareMax = 0.05;
/** Above this nothing is free, and requests/s and latency are those of a queue for the cores. */
const busyShareMax = 0.95;

const isBusy = ({ foreign, busy = 0 }: { foreign: number; busy?: number }) =>
  foreign > foreignShareMax || busy > busyShareMax;

/** The targets of the serving plane, each against what was measured. */
export function verdictsOf(results: Results): Verdict[] {
  const { rows } = results;
  const of = (server: Row['server'], protocol: Row['protocol'], perRequest: number) =>
    rows.filter((row) => row.server === server && row.protocol === protocol && row.rows === perRequest);
  const json = of('edge', 'http json', 1);
  const many = json.filter(({ connections }) => connections >= 16);
  const single = json.filter(({ connections }) => connections === 1);
  const pool = of('pool', 'http json', 1);
  const at64 = pool.filter(({ connections }) => connections === 64);
  const unary = of('edge', 'grpc unary', 1).filter(({ connections }) => connections >= 16);
  return [
    cpuRatio('edge, HTTP JSON, 16 connections and more: CPU at most 1.3 times bare node:http', many, 1.3),
    rate('edge, HTTP JSON, 16 connections and more: at least 0.75 of its requests/s', many, 0.75),
    cpuRatio('edge, HTTP JSON, 1 connection: CPU at most 2 times bare node:http', single, 2),
    cpuRatio('two processes, HTTP JSON, 64 connections: CPU at most 2.2 times bare node:http', at64, 2.2),
    absolute('two processes, HTTP JSON, 64 connections: at most 80 us of CPU (goal 50)', at64, 80),
    cpuRatio('edge, gRPC unary, 16 calls in flight and more: CPU at most 1.3 times bare grpc-js', unary, 1.3),
    rowsPerCore(
      'HTTP binary, 32 rows: at least 250,000 rows/s per free core',
      of('edge', 'http binary', 32),
      250_000,
    ),
    latency(
      'two processes, 1 connection: p50 at most 1.0 ms',
      pool.filter(({ connections }) => connections === 1),
      1_000,
    ),
    ...overloadVerdicts(results.overload),
    openVerdict(results.open),
    memoryVerdict(results.memory),
    ...results.python.map((row) => pythonVerdict(row, json)),
  ];
}

/** Per core: by the CPU that a request takes, at 16 connections. */
function pythonVerdict({ name, reason, cpuUs }: PythonRow, edge: readonly Row[]): Verdict {
  const min = name === 'fastapi' ? 5 : 10;
  const target = `edge, HTTP JSON: at least ${min} times the requests/s per core of ${name}`;
  const own = edge.find(({ model, connections }) => model === 'linear' && connections === 16);
  if (reason !== '') return { target, measured: reason, outcome: 'not measured' };
  if (!own) return none(target);
  const times = cpuUs / own.cpuUs;
  const measured = `${times.toFixed(1)} times (${cpuUs.toFixed(0)} us against ${own.cpuUs.toFixed(0)} us of CPU)`;
  return { target, measured, outcome: times >= min ? 'reached' : 'missed' };
}

const none = (target: string): Verdict => ({
  target,
  measured: 'left out of this run',
  outcome: 'not measured',
});

/** The worst of the cells counts. */
function worst(
  target: string,
  rows: readonly Row[],
  value: (row: Row) => number,
  { max, show, holdsWhenBusy }: { max: number; show: (value: number) => string; holdsWhenBusy: boolean },
): Verdict {
  const sorted = [...rows].sort((a, b) => value(b) - value(a));
  const row = sorted[0];
  if (!row) return none(target);
  const reached = value(row) <= max;
  const outcome = reached ? 'reached' : !holdsWhenBusy && isBusy(row) ? 'busy' : 'missed';
  const where = `${row.model}, ${row.connections} connections`;
  return { target, measured: `${show(value(row))} at worst (${where})`, outcome };
}

function cpuRatio(target: string, rows: readonly Row[], max: number): Verdict {
  const show = (ratio: number) => `${ratio.toFixed(2)} times`;
  return worst(target, rows, (row) => row.cpuRatio, { max, show, holdsWhenBusy: true });
}

function rate(target: string, rows: readonly Row[], min: number): Verdict {
  const show = (negative: number) => `${(-negative).toFixed(2)} of it`;
  return worst(target, rows, (row) => -row.rateRatio, { max: -min, show, holdsWhenBusy: false });
}

function absolute(target: string, rows: readonly Row[], max: number): Verdict {
  const show = (us: number) => `${us.toFixed(0)} us`;
  return worst(target, rows, (row) => row.cpuUs, { max, show, holdsWhenBusy: false });
}

function rowsPerCore(target: string, rows: readonly Row[], min: number): Verdict {
  const show = (negative: number) => `${Math.round(-negative).toLocaleString('en')} rows per second of CPU`;
  const value = (row: Row) => -(row.rows * 1e6) / row.cpuUs;
  return worst(
    target,
    rows.filter(({ connections }) => connections >= 16),
    value,
    { max: -min, show, holdsWhenBusy: false },
  );
}

function latency(target: string, rows: readonly Row[], max: number): Verdict {
  const show = (us: number) => `${(us / 1_000).toFixed(2)} ms`;
  return worst(target, rows, (row) => row.p50Us, { max, show, holdsWhenBusy: false });
}

function overloadVerdicts(rows: readonly OverloadRow[]): Verdict[] {
  const capacity = rows.find(({ times }) => times === 1)?.goodPerSecond;
  const targets = [2, 5].flatMap((times) => {
    const row = rows.find((one) => one.times === times);
    const good = `at ${times} times the capacity: goodput within the deadline at least 95 % of capacity`;
    const quick = `at ${times} times the capacity: refusals in under 1 ms`;
    if (!row || !capacity) return [none(good), none(quick)];
    const share = row.goodPerSecond / capacity;
    const missed = isBusy(row) ? ('busy' as const) : ('missed' as const);
    return [
      {
        target: good,
        measured: `${(share * 100).toFixed(0)} %`,
        outcome: share >= 0.95 ? ('reached' as const) : missed,
      },
      {
        target: quick,
        measured: `p50 ${(row.refusalP50Us / 1_000).toFixed(2)} ms, p99 ${(row.refusalP99Us / 1_000).toFixed(2)} ms`,
        outcome: row.refusalP50Us < 1_000 ? ('reached' as const) : missed,
      },
    ];
  });
  return targets;
}

function openVerdict(rows: readonly OpenRow[]): Verdict {
  const target = 'open loop, 1,000 requests/s, two processes: p99 at most 2 ms';
  const row = rows.find(({ server }) => server === 'pool');
  if (!row) return none(target);
  const p99 = `${(row.p99Us / 1_000).toFixed(2)} ms over all rounds, ${(row.bestP99Us / 1_000).toFixed(2)} ms in the best`;
  const outcome = row.p99Us <= 2_000 ? 'reached' : isBusy(row) ? 'busy' : 'missed';
  return { target, measured: p99, outcome };
}

/** The last quarter against the one before the middle: later growth would show, a heap that fills up once does not. */
const memoryGrowthMax = 1.05;

function memoryVerdict(rows: readonly MemoryRow[]): Verdict {
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  const target = `memory flat over ${requests.toLocaleString('en')} requests`;
  const growths = rows.map(({ pss }) => (pss.at(-1) ?? 0) / (pss[Math.floor(pss.length / 2)] ?? 1));
  const growth = Math.max(...growths);
  if (!Number.isFinite(growth)) return none(target);
  const measured = rows.map(
    ({ place, pss }) => `${place} ${pss.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(' ')} MiB`,
  );
  return { target, measured: measured.join('; '), outcome: growth <= memoryGrowthMax ? 'reached' : 'missed' };
}
