import { requestBytes } from './bodies.js';
import { Histogram } from './load/histogram.js';
import { cores } from './machine.js';
import type { BenchOptions } from './options.js';
import { Perennial, type Place, places } from './perennial.js';
import { ask, orderOf, type Stage, sumOf } from './rounds.js';
import { median } from './summary.js';

export interface OpenRow {
  readonly server: 'bare' | Place;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** The least of all rounds: nearest to a machine of our own. */
  readonly bestP99Us: number;
  readonly foreign: number;
}

/** Requests at random moments, 1,000 a second; latency counts from when each was due. */
const openPerSecond = 1_000;

export async function openLoop(stage: Stage, options: BenchOptions): Promise<OpenRow[]> {
  const servers = ['bare', ...places] as const;
  const found = servers.map((server) => ({
    server,
    all: new Histogram(),
    p99: [] as number[],
    foreign: [] as number[],
  }));
  for (let round = 0; round < options.rounds; round++) {
    for (const { server, all, p99, foreign } of found) {
      const cell = {
        server,
        model: options.models[0],
        protocol: 'http json',
        connections: 64,
        rows: 1,
      } as const;
      const order = orderOf(stage, cell, {
        warmMs: options.slotMs / 3,
        measureMs: options.slotMs * 2,
        perSecond: openPerSecond,
      });
      const outcome = await ask(stage.load, order);
      if (server !== 'bare') await stage.perennial.settled();
      const latency = Histogram.from(outcome.latency);
      p99.push(latency.quantile(0.99));
      all.merge(latency);
      const others = outcome.busyUs - sumOf(outcome.cpu) - outcome.ownCpuUs;
      foreign.push(Math.max(0, others) / (outcome.seconds * 1e6 * cores));
    }
  }
  return found.map(({ server, all, p99, foreign }) => ({
    server,
    perSecond: openPerSecond,
    p50Us: all.quantile(0.5),
    p99Us: all.quantile(0.99),
    bestP99Us: Math.min(...p99),
    foreign: median(foreign),
  }));
}

export interface OverloadRow {
  /** Times the capacity; 1 is the closed loop that measured it. */
  readonly times: number;
  readonly askedPerSecond: number;
  /** Answered well within the deadline. */
  readonly goodPerSecond: number;
  readonly refusedPerSecond: number;
  readonly latePerSecond: number;
  readonly refusalP50Us: number;
  readonly refusalP99Us: number;
  readonly p99Us: number;
  readonly foreign: number;
}

const overloadDeadlineMs = 100;
const overloadRows = 32;
/** Enough that what waits at the server, not the number of connections, is what limits. */
const overloadConnections = 512;

/** A model of about 2 ms a request: its capacity, then 2 and 5 times as many requests as it can answer. */
export async function overload(stage: Stage, options: BenchOptions): Promise<OverloadRow[]> {
  const { perennial, load } = stage;
  const protocol = 'http binary';
  const cell = { server: 'pool', model: undefined, protocol, connections: 16, rows: overloadRows } as const;
  const request = requestBytes({
    protocol,
    model: Perennial.modelName('wide', 'pool'),
    rows: overloadRows,
    token: perennial.token,
    timeoutUs: overloadDeadlineMs * 1_000,
  }).toString('base64');
  const measureMs = options.slotMs * 5;
  const rows: OverloadRow[] = [];
  let capacity = 0;
  for (const times of [1, 2, 5]) {
    const order = orderOf(stage, cell, {
      request,
      warmMs: options.slotMs,
      measureMs,
      ...(times > 1 && {
        perSecond: capacity * times,
        deadlineMs: overloadDeadlineMs,
        connections: overloadConnections,
      }),
    });
    // Warming up as a closed loop over so many connections would be an overload of its own.
    const outcome = await ask(load, times > 1 ? { ...order, warmMs: 0 } : order);
    await perennial.settled();
    const { seconds } = outcome;
    const refused = Object.values(outcome.refused).reduce((sum, count) => sum + count, 0);
    const refusal = Histogram.from(outcome.refusal);
    if (times === 1) capacity = outcome.good / seconds;
    rows.push({
      times,
      askedPerSecond: times === 1 ? capacity : capacity * times,
      goodPerSecond: outcome.good / (times === 1 ? seconds : measureMs / 1_000),
      refusedPerSecond: refused / seconds,
      latePerSecond: (outcome.late + outcome.unsent) / seconds,
      refusalP50Us: refusal.quantile(0.5),
      refusalP99Us: refusal.quantile(0.99),
      p99Us: Histogram.from(outcome.latency).quantile(0.99),
      foreign: Math.max(0, outcome.busyUs - sumOf(outcome.cpu) - outcome.ownCpuUs) / (seconds * 1e6 * cores),
    });
  }
  return rows;
}

export interface MemoryRow {
  readonly place: Place;
  readonly requests: number;
  /** Bytes of gateway and inference together, at tenths of the requests. */
  readonly pss: readonly number[];
}

/** Half of the requests to each place; memory after each tenth. */
export async function longRun(stage: Stage, options: BenchOptions): Promise<MemoryRow[]> {
  const parts = 10;
  const rows: MemoryRow[] = [];
  for (const place of places) {
    const cell = {
      server: place,
      model: options.models[0],
      protocol: 'http json',
      connections: 64,
      rows: 1,
    } as const;
    const pss: number[] = [];
    for (let part = 0; part < parts; part++) {
      const requestsMax = Math.ceil(options.longRequests / places.length / parts);
      await ask(stage.load, { ...orderOf(stage, cell, { warmMs: 0, measureMs: 600_000 }), requestsMax });
      await stage.perennial.settled();
      pss.push(stage.perennial.servingPss);
    }
    rows.push({ place, requests: options.longRequests / places.length, pss });
  }
  return rows;
}
