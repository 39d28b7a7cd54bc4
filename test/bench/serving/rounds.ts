import { requestBytes } from './bodies.js';
import { type Cell, keyOf } from './cells.js';
import type { Child } from './child.js';
import { Histogram } from './load/histogram.js';
import type { Order, Outcome } from './load/messages.js';
import { cores } from './machine.js';
import type { BenchOptions } from './options.js';
import { Perennial, total } from './perennial.js';

/** One cell in one round. */
export interface Sample {
  readonly perSecond: number;
  /** Of the processes that a request goes through. */
  readonly cpuUs: number;
  /** Of all processes of the platform, and until they had nothing more to do; the same for a bare server. */
  readonly wholeCpuUs: number;
  readonly latency: Histogram;
  readonly failed: number;
  /** Share of the machine that neither the server nor the load took. */
  readonly foreign: number;
  /** Share of the machine that was busy. */
  readonly busy: number;
}

export interface Stage {
  readonly perennial: Perennial;
  readonly load: Child;
  readonly bareHttp: { readonly child: Child; readonly port: number };
  readonly bareGrpc: { readonly child: Child; readonly port: number };
}

export type Samples = Map<string, Sample[]>;

/** All cells once, in turn, as often as there are rounds. */
export async function runRounds(
  stage: Stage,
  cells: readonly Cell[],
  { rounds, slotMs }: BenchOptions,
  onRound: (round: number) => void,
): Promise<Samples> {
  const samples: Samples = new Map();
  for (let round = 0; round < rounds; round++) {
    for (const cell of cells) {
      const sample = await slot(stage, cell, slotMs);
      const key = keyOf(cell);
      samples.set(key, [...(samples.get(key) ?? []), sample]);
    }
    onRound(round + 1);
  }
  return samples;
}

async function slot(stage: Stage, cell: Cell, slotMs: number): Promise<Sample> {
  const { perennial } = stage;
  const isBare = cell.server === 'bare';
  const behind = isBare ? [] : perennial.all.filter((pid) => !perennial.serving.includes(pid));
  const before = total(behind);
  const order = orderOf(stage, cell, { warmMs: slotMs / 3, measureMs: slotMs });
  const outcome = await ask(stage.load, order);
  if (!isBare) await perennial.settled();
  const answered = outcome.good;
  const cpu = sumOf(outcome.cpu);
  const wall = outcome.seconds * 1e6 * cores;
  const during = total(behind) - before;
  return {
    perSecond: answered / outcome.seconds,
    cpuUs: cpu / answered,
    // Warming up led to predictions too; they are as dear as the others.
    wholeCpuUs: cpu / answered + during / (answered * (4 / 3)),
    latency: Histogram.from(outcome.latency),
    failed: Object.values(outcome.refused).reduce((sum, count) => sum + count, 0),
    foreign: Math.max(0, outcome.busyUs - cpu - outcome.ownCpuUs - during) / wall,
    busy: outcome.busyUs / wall,
  };
}

export function sumOf(cpu: Readonly<Record<string, number>>): number {
  return Object.values(cpu).reduce((sum, us) => sum + us, 0);
}

export function orderOf(
  stage: Stage,
  cell: Cell,
  more: Pick<Order, 'warmMs' | 'measureMs'> & Partial<Order>,
): Order {
  const { perennial, bareHttp, bareGrpc } = stage;
  const { server, model, protocol, connections, rows } = cell;
  const bare = protocol.startsWith('http') ? bareHttp : bareGrpc;
  const { token } = perennial;
  const name = server === 'bare' ? 'bench-linear-edge' : Perennial.modelName(model ?? 'linear', server);
  const request = requestBytes({ protocol, model: name, rows, token }).toString('base64');
  return {
    protocol,
    port: server === 'bare' ? bare.port : perennial.port(protocol),
    token,
    connections,
    request,
    pids: server === 'bare' ? [bare.child.pid] : perennial.serving,
    ...more,
  };
}

export async function ask(load: Child, order: Order): Promise<Outcome> {
  const { outcome, error } = await load.ask<{ outcome?: Outcome; error?: string }>(order);
  if (!outcome) throw new Error(`the load process failed: ${error}`);
  return outcome;
}
