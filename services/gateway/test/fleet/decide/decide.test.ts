import { Placement } from '@perennial/contracts';
import { describe, expect, test } from 'vitest';
import { Budget } from '../../../src/fleet/decide/budget.js';
import { Circuit } from '../../../src/fleet/decide/circuit.js';
import { ColdStart, mayWait } from '../../../src/fleet/decide/cold-start.js';
import { LatencyWindow } from '../../../src/fleet/decide/latency-window.js';
import { PeakEwma } from '../../../src/fleet/decide/peak-ewma.js';
import { costOf, pickOfTwo, slowStartWeight } from '../../../src/fleet/decide/pick.js';
import { batchCostUs, placeOf } from '../../../src/fleet/decide/placement.js';
import { homeOf } from '../../../src/fleet/decide/rendezvous.js';
import { isFinal, isIllness, replicaError } from '../../../src/fleet/decide/replica-error.js';
import { SlowWatch, slownessOf } from '../../../src/fleet/decide/slow-watch.js';

describe('the latency of a replica', () => {
  test('jumps to a slow answer at once and forgets it by half in a half-life', () => {
    const ewma = new PeakEwma(1_000);
    ewma.add(1, 0);
    ewma.add(50, 10);
    expect(ewma.value(10)).toBe(50);
    ewma.add(0, 1_010);
    expect(ewma.value(1_010)).toBeCloseTo(25);
    expect(ewma.value(3_010)).toBeCloseTo(6.25);
  });

  test('has quantiles of the last windows that are at most an eighth too high', () => {
    const window = new LatencyWindow(1_000);
    for (let at = 1; at <= 1_000; at++) window.add(at, 0);
    for (const [share, exact] of [
      [0.5, 500],
      [0.95, 950],
    ] as const) {
      const found = window.quantile(share, 10, 20) as number;
      expect(found).toBeGreaterThanOrEqual(exact);
      expect(found).toBeLessThan(exact * 1.13);
    }
    expect(window.quantile(0.5, 10, 2_000)).toBeUndefined();
    expect(window.count(1_500)).toBe(1_000);
    expect(window.count(2_500)).toBe(0);
  });
});

test('of two replicas the one with less to do times what it takes is chosen, a new one seldom', () => {
  const standing = { rowsInFlight: 0, rowsReported: 0, latencyMs: 1, weight: 1 };
  const busy = { ...standing, rowsReported: 9 };
  const slow = { ...standing, latencyMs: 9 };
  const idle = standing;
  for (const other of [busy, slow]) {
    for (const random of [0, 0.9]) expect(pickOfTwo([idle, other], costOf, () => random)).toBe(idle);
  }
  expect(pickOfTwo([], costOf, () => 0)).toBeUndefined();
  const fresh = { ...standing, weight: slowStartWeight(500, 10_000) };
  expect(costOf(fresh)).toBeCloseTo(10 * costOf(idle));
  expect(slowStartWeight(5_000, 10_000)).toBe(0.5);
  expect(slowStartWeight(60_000, 10_000)).toBe(1);
});

describe('the circuit of a replica', () => {
  const open = () =>
    new Circuit({
      failuresMax: 3,
      requestsMin: 10,
      windowMs: 1_000,
      openMs: 1_000,
      openMsMax: 4_000,
      probes: 2,
    });

  test('opens after failures in a row, for twice as long each time, and closes after probes that went well', () => {
    const circuit = open();
    expect([circuit.failed(0), circuit.failed(0)]).toEqual([false, false]);
    circuit.succeeded(0);
    expect([circuit.failed(0), circuit.failed(0), circuit.failed(0)]).toEqual([false, false, true]);
    circuit.open(0, 0.5);
    expect(circuit.mayTake(999)).toBe(false);
    expect(circuit.state(1_000)).toBe('half-open');
    circuit.took(1_000);
    expect(circuit.failed(1_000)).toBe(true);
    circuit.open(1_000, 0.5);
    expect([circuit.mayTake(2_500), circuit.mayTake(3_000)]).toEqual([false, true]);
    circuit.took(3_000);
    circuit.took(3_000);
    expect(circuit.mayTake(3_000)).toBe(false);
    circuit.succeeded(3_001);
    expect(circuit.mayTake(3_001)).toBe(false);
    circuit.succeeded(3_002);
    expect(circuit.state(3_002)).toBe('closed');
  });

  test('lets the next one try where it stays half open after a failure, for want of another replica', () => {
    const circuit = open();
    circuit.open(0, 0.5);
    for (let at = 0; at < 5; at++) {
      expect(circuit.mayTake(2_000 + at)).toBe(true);
      circuit.took(2_000 + at);
      expect(circuit.failed(2_000 + at)).toBe(true);
    }
    circuit.took(3_000);
    circuit.gaveBack();
    expect(circuit.mayTake(3_000)).toBe(true);
  });

  test('opens where most of many requests fail, even if never so many in a row', () => {
    const circuit = open();
    const verdicts: boolean[] = [];
    for (let at = 0; at < 12; at++) {
      if (at % 3 === 2) circuit.succeeded(at);
      else verdicts.push(circuit.failed(at));
    }
    expect(verdicts.at(-1)).toBe(true);
    expect(verdicts[0]).toBe(false);
  });

  test('never stays open for longer than its bound, and forgets its openings when it was well for long', () => {
    const circuit = open();
    for (let k = 0; k < 8; k++) circuit.open(0, 0.9);
    expect(circuit.mayTake(4_000)).toBe(true);
    circuit.took(4_000);
    circuit.took(4_000);
    circuit.succeeded(4_000);
    circuit.succeeded(4_000);
    circuit.open(20_000, 0.5);
    expect(circuit.mayTake(21_000)).toBe(true);
  });

  test('lets a probe that was cancelled be made again', () => {
    const circuit = open();
    circuit.open(0, 0.5);
    circuit.took(1_000);
    circuit.took(1_000);
    circuit.gaveBack();
    expect(circuit.mayTake(1_000)).toBe(true);
  });
});

test('a replica whose median is over three times the others for three looks is left out, and only that one', () => {
  const watch = new SlowWatch({ factor: 3, looks: 3 });
  const look = (slow: number) =>
    watch.look(
      new Map([
        ['a', 1],
        ['b', 1.2],
        ['c', slow],
      ]),
    );
  expect([look(20), look(20), look(3), look(20), look(20)].flat()).toEqual([]);
  expect(look(20)).toEqual(['c']);
  expect(look(20)).toEqual([]);
  expect(slownessOf(60, 10)).toBe(6);
  expect(slownessOf(5, 10)).toBe(0.5);
  expect(slownessOf(4, 0.5)).toBe(1);
  expect(slownessOf(400, undefined)).toBe(1);
});

test('a model that nobody holds has one home, and only those of a replica that leaves move', () => {
  const names = ['a', 'b', 'c', 'd'];
  const digests = Array.from({ length: 400 }, (_, at) => `sha256:${at}`);
  const homes = (replicas: string[]) => digests.map((digest) => homeOf(digest, replicas, (name) => name));
  const all = homes(names);
  const without = homes(names.filter((name) => name !== 'c'));
  for (const name of names) expect(all.filter((home) => home === name).length).toBeGreaterThan(60);
  all.forEach((home, at) => {
    if (home !== 'c') expect(without[at]).toBe(home);
  });
  expect(homeOf('sha256:1', [], String)).toBeUndefined();
});

test('repeats are a share of the traffic, with a little for quiet times', () => {
  const budget = new Budget({ share: 0.2, perSecond: 1, kept: 2 });
  expect([budget.spend(0), budget.spend(0), budget.spend(0)]).toEqual([true, true, false]);
  for (let at = 0; at < 5; at++) budget.earn();
  expect([budget.spend(0), budget.spend(0)]).toEqual([true, false]);
  expect(budget.spend(1_000)).toBe(true);
});

describe('a pool without replicas', () => {
  test('is expected back when it came back before, from the moment that it is wanted', () => {
    const cold = new ColdStart();
    expect(cold.remainingMs(50_000)).toBe(2_000);
    cold.wanted(50_000);
    cold.wanted(51_000);
    expect(cold.remainingMs(51_000)).toBe(1_000);
    cold.ended(56_000);
    expect(cold.remainingMs(90_000)).toBe(4_000);
    cold.wanted(90_000);
    expect(cold.remainingMs(100_000)).toBe(5_000);
  });

  test('lets wait what has room and time', () => {
    const asked = { rows: 10, rowsWaiting: 90, rowsMax: 100, remainingMs: 500, patienceMs: 600 };
    expect(mayWait(asked)).toBe(true);
    expect(mayWait({ ...asked, rows: 11 })).toBe(false);
    expect(mayWait({ ...asked, patienceMs: 400 })).toBe(false);
    expect(mayWait({ ...asked, rows: 5_000, rowsWaiting: 0 })).toBe(true);
  });
});

describe('where a model runs', () => {
  const costs = [
    { rows: 1, microseconds: 100 },
    { rows: 64, microseconds: 1_360 },
  ];
  const asked = { asked: Placement.UNSPECIFIED, pool: 'cpu', costs, measuredHereUs: undefined };

  test('is the edge for a CPU model whose batch of 32 costs under a millisecond', () => {
    expect(batchCostUs(costs, 32)).toBeCloseTo(720);
    expect(placeOf(asked)).toBe('edge');
    expect(placeOf({ ...asked, pool: 'gpu' })).toBe('pool');
    expect(placeOf({ ...asked, costs: [{ rows: 32, microseconds: 1_000 }] })).toBe('pool');
    expect(placeOf({ ...asked, costs: [{ rows: 8, microseconds: 300 }] })).toBe('pool');
    expect(placeOf({ ...asked, costs: [] })).toBe('pool');
  });

  test('changes to the pool when it turns out costly here, and is what was declared whatever it costs', () => {
    expect(placeOf({ ...asked, measuredHereUs: 1_500 })).toBe('edge');
    expect(placeOf({ ...asked, measuredHereUs: 2_500 })).toBe('pool');
    expect(placeOf({ ...asked, asked: Placement.EDGE, costs: [] })).toBe('edge');
    expect(placeOf({ ...asked, asked: Placement.POOL })).toBe('pool');
  });
});

describe('what a replica says of a request', () => {
  const said = { message: 'words', fault: 'caller', retry: 'never', retryAfterMs: 0, field: '' };

  test('is the caller’s fault where it is about the request, and not where it is about the file', () => {
    for (const code of ['INPUT_SHAPE', 'TENSOR_DATA_INVALID', 'MODEL_RUN_FAILED', 'REQUEST_QUARANTINED']) {
      const error = replicaError({ ...said, code, field: 'x' });
      expect(error).toMatchObject({ code, fault: 'caller', retry: 'never', field: 'x' });
      expect(isFinal(error, false)).toBe(true);
    }
    for (const code of [
      'MODEL_CRASHES',
      'MODEL_MALFORMED',
      'MODEL_LOAD_TIMEOUT',
      'MODEL_DOMAIN_FORBIDDEN',
      'MODEL_EXTERNAL_DATA',
      'MODEL_TOO_LARGE',
      'MODEL_SIGNATURE_INVALID',
    ]) {
      const error = replicaError({ ...said, code });
      expect(error).toMatchObject({ code, fault: 'dependency', retry: 'never', retryAfterMs: 30_000 });
      expect(isFinal(error, false)).toBe(true);
      expect(isIllness(code)).toBe(false);
    }
  });

  test('says when to come again, and who may be asked meanwhile', () => {
    const full = replicaError({
      ...said,
      code: 'QUEUE_EXHAUSTED',
      fault: 'dependency',
      retry: 'after',
      retryAfterMs: 70,
    });
    expect(full.retryAfterMs).toBe(70);
    expect([isFinal(full, false), isFinal(full, true)]).toEqual([false, true]);
    const old = replicaError({ ...said, code: 'INTERNAL', fault: '', retry: '' });
    expect(old).toMatchObject({ fault: 'dependency', retry: 'after' });
    expect([isFinal(old, true), isIllness('INTERNAL'), isIllness('ARTIFACT_NOT_FOUND')]).toEqual([
      false,
      true,
      false,
    ]);
  });
});
