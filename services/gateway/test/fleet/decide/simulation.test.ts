import { describe, expect, test } from 'vitest';
import { PeakEwma } from '../../../src/fleet/decide/peak-ewma.js';
import { costOf, pickOfTwo } from '../../../src/fleet/decide/pick.js';

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Server {
  readonly slowness: number;
  readonly ewma: PeakEwma;
  freeAt: number;
  /** When what it has in hand will be answered, oldest first. */
  inHand: { doneAt: number; sentAt: number }[];
}

type Choose = (servers: readonly Server[], now: number, random: () => number) => Server;

const roundRobin = (): Choose => {
  let turn = 0;
  return (servers) => servers[turn++ % servers.length] as Server;
};

const ofTwo: Choose = (servers, now, random) =>
  pickOfTwo(
    servers,
    ({ inHand, ewma }) =>
      costOf({
        rowsInFlight: inHand.length,
        rowsReported: 0,
        latencyMs: ewma.value(now),
        weight: 1,
      }),
    random,
  ) as Server;

/**
 * Poisson arrivals at 0.7 of what all servers together can do, exponential service of 0.4 ms on a usual server, first
 * come first served. The latencies in ms, in the order of arrival.
 */
function simulate(slowness: readonly number[], choose: Choose, requests = 60_000): number[] {
  const random = randomFrom(7);
  const exponential = (mean: number) => -mean * Math.log(1 - random());
  const serviceMs = 0.4;
  const capacityPerMs = slowness.reduce((sum, factor) => sum + 1 / (serviceMs * factor), 0);
  const servers: Server[] = slowness.map((factor) => ({
    slowness: factor,
    ewma: new PeakEwma(1_000),
    freeAt: 0,
    inHand: [],
  }));
  const latencies: number[] = [];
  let now = 0;
  for (let at = 0; at < requests; at++) {
    now += exponential(1 / (0.7 * capacityPerMs));
    for (const server of servers) {
      while (server.inHand[0] && server.inHand[0].doneAt <= now) {
        const { doneAt, sentAt } = server.inHand.shift() as { doneAt: number; sentAt: number };
        server.ewma.add(doneAt - sentAt, doneAt);
      }
    }
    const server = choose(servers, now, random);
    server.freeAt = Math.max(server.freeAt, now) + exponential(serviceMs * server.slowness);
    server.inHand.push({ doneAt: server.freeAt, sentAt: now });
    latencies.push(server.freeAt - now);
  }
  return latencies;
}

function p99(latencies: readonly number[]): number {
  return [...latencies].sort((a, b) => a - b)[Math.floor(latencies.length * 0.99)] as number;
}

describe('four replicas, one three times slower, at 0.7 of what they can do together', () => {
  const slowness = [1, 1, 1, 3];

  test('the power of two choices stays stable: the second half of the run waits no longer than the first', () => {
    const latencies = simulate(slowness, ofTwo);
    const half = latencies.length / 2;
    expect(p99(latencies.slice(half))).toBeLessThan(1.5 * p99(latencies.slice(0, half)));
    expect(p99(latencies)).toBeLessThan(6);
  });

  test('round robin does not: the slow one gets more than it can do, and its queue grows for the whole run', () => {
    const latencies = simulate(slowness, roundRobin());
    const quarter = latencies.length / 4;
    expect(p99(latencies.slice(-quarter))).toBeGreaterThan(3 * p99(latencies.slice(0, quarter)));
    expect(p99(latencies)).toBeGreaterThan(50 * p99(simulate(slowness, ofTwo)));
  });
});

test('among equal replicas two choices are as good as taking turns', () => {
  const equal = [1, 1, 1, 1];
  expect(p99(simulate(equal, ofTwo))).toBeLessThan(1.5 * p99(simulate(equal, roundRobin())));
});
