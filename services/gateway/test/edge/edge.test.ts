import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Placement, RouteSchema, ServeSettingsSchema } from '@perennial/contracts';
import { type Digest, digestOf } from '@perennial/kernel';
import { Runtime, type Tensor } from '@perennial/runtime';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { addModel, tinyModel } from '../../../../libs/runtime/test/tiny-onnx.js';
import { CrashGuard } from '../../src/edge/crash-guard.js';
import { Edge } from '../../src/edge/edge.js';
import { EdgePlaces } from '../../src/edge/edge-places.js';
import { Fleet } from '../../src/fleet/fleet.js';
import type { ModelAsked } from '../../src/inference.js';
import { callsTo, startReplica, stopAll, type TestReplica } from '../fleet/replicas.js';

const fleets: Fleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
  await stopAll();
});

/** Doubles one number, as the replicas of these tests do. */
const doubling = tinyModel({
  inputs: [['x', 'FP64']],
  outputs: [['y', 'FP64']],
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
});
const cheap = [{ rows: 32, microseconds: 40 }];
const digest = digestOf(doubling);

/** A fleet of one replica with an edge; files by digest stand for the store. */
async function open(
  o: {
    costs?: typeof cheap;
    files?: Record<string, Uint8Array>;
    guard?: CrashGuard;
    beforeFetch?: () => Promise<unknown>;
  } = {},
): Promise<{ fleet: Fleet; replica: TestReplica; moves: string[]; refused: unknown[] }> {
  const { files = { [digest]: doubling }, costs = cheap } = o;
  const replica = await startReplica(undefined, { joinable: true, costs });
  const moves: string[] = [];
  const refused: unknown[] = [];
  const edge = new Edge({
    drainMsMax: 10_000,
    open: async () =>
      new Runtime({
        executors: 'inline',
        threads: 1,
        memoryBudgetBytes: 64 * 1024 * 1024,
        fetch: async (asked: Digest) => {
          await o.beforeFetch?.();
          const file = files[asked];
          if (!file) throw new Error('the store is away');
          return file;
        },
      }),
  });
  const fleet = new Fleet({
    dial: callsTo,
    events: { onRetry: () => {}, onHedge: () => {}, onEjected: () => {} },
    onConnection: () => {},
    onGone: () => {},
    places: new EdgePlaces({
      edge,
      guard: o.guard ?? new CrashGuard(join(tempDir('edge'), 'mark.json'), 0),
      onMoved: (_model, place) => moves.push(place),
      onRefused: (_model, error) => refused.push(error),
    }),
  });
  fleets.push(fleet);
  fleet.configure(replica.address, 'r1');
  await waitFor('the stream', () => fleet.hasReplicas(''));
  return { fleet, replica, moves, refused };
}

const placed = (place: Placement) => create(ServeSettingsSchema, { place });
const route = create(RouteSchema, { version: 1, digest });
const asked: ModelAsked = { name: 'heat', route, pool: '', serve: undefined };
const column = (...values: number[]): Tensor => ({
  name: 'x',
  datatype: 'FP64',
  shape: [values.length, 1],
  data: Float64Array.from(values),
});
const ask = async (fleet: Fleet, value: number) => {
  const { outputs, replica } = await fleet.infer(asked, [column(value)], {
    deadlineAt: performance.now() + 20_000,
  });
  return { answer: outputs[0]?.data[0], replica };
};

describe('a model whose batch costs little', () => {
  test('runs in the gateway once a replica has loaded it, and is counted with the others', async () => {
    const { fleet, replica, moves } = await open();
    expect(await ask(fleet, 1)).toEqual({ answer: 2, replica: 'r1' });
    await fleet.load('heat', route, '', undefined);
    expect(replica.loaded).toEqual([digest]);
    expect(fleet.where(digest)).toEqual(['edge']);
    expect(await ask(fleet, 3)).toEqual({ answer: 6, replica: 'edge' });
    expect(replica.heard).toHaveLength(1);
    expect(moves).toEqual(['edge']);
    const [figures] = (await fleet.statistics()).filter((one) => one.digest === digest);
    expect(figures).toMatchObject({ model: 'heat', requests: 1n, replicas: ['edge'] });
  });

  test('stays in its pool where it costs more, is placed there, or has another pool', async () => {
    const { fleet } = await open({ costs: [{ rows: 32, microseconds: 5_000 }] });
    await fleet.load('heat', route, '', undefined);
    expect(fleet.where(digest)).toEqual(['r1']);
    await fleet.load('heat', route, '', placed(Placement.EDGE));
    expect(fleet.where(digest)).toEqual(['edge']);
    const { fleet: other } = await open();
    await other.load('heat', route, '', placed(Placement.POOL));
    expect(other.where(digest)).toEqual(['r1']);
  });

  test('that two deployments share runs here for the one that may, and leaves with the last that wants it', async () => {
    const { fleet } = await open();
    await fleet.load('heat', route, '', undefined);
    await fleet.load('other', route, '', placed(Placement.POOL));
    expect(await ask(fleet, 1)).toEqual({ answer: 2, replica: 'edge' });
    const other = { ...asked, name: 'other', serve: placed(Placement.POOL) };
    const options = { deadlineAt: performance.now() + 20_000 };
    expect((await fleet.infer(other, [column(1)], options)).replica).toBe('r1');
    await fleet.unload('other', digest);
    expect(fleet.where(digest)).toEqual(['edge']);
    fleet.keep([{ name: 'other', digest }]);
    expect(fleet.isReady(digest)).toBe(false);
  });

  test('moves to and fro under load without a failed request', async () => {
    const { fleet, moves } = await open();
    await fleet.load('heat', route, '', placed(Placement.POOL));
    let isOver = false;
    const places = new Set<string>();
    let answers = 0;
    const client = async (value: number) => {
      while (!isOver) {
        const { answer, replica } = await ask(fleet, value);
        expect(answer).toBe(value * 2);
        places.add(replica);
        answers += 1;
        await new Promise(setImmediate);
      }
    };
    const clients = Array.from({ length: 16 }, (_, at) => client(at));
    for (let turn = 0; turn < 10; turn++) {
      const before = answers;
      await fleet.load('heat', route, '', placed(turn % 2 === 0 ? Placement.EDGE : Placement.POOL));
      await waitFor('answers there', () => answers > before + 50);
    }
    isOver = true;
    await Promise.all(clients);
    expect(moves).toEqual(Array.from({ length: 10 }, (_, turn) => (turn % 2 === 0 ? 'edge' : 'pool')));
    expect([...places].sort()).toEqual(['edge', 'r1']);
  });

  test('does not stay where it comes too late: a newer version was switched to meanwhile', async () => {
    let isAsked = false;
    let go = () => {};
    const beforeFetch = () => {
      isAsked = true;
      return new Promise<void>((resolve) => {
        go = resolve;
      });
    };
    const { fleet, moves } = await open({ beforeFetch });
    const loaded = fleet.load('heat', route, '', undefined);
    await waitFor('it is on its way', () => isAsked);
    fleet.keep([]);
    go();
    await loaded;
    expect(fleet.where(digest)).toEqual([]);
    expect(moves).toEqual([]);
  });

  test('is left to the pool where it cannot be loaded here, and after failures here', async () => {
    const { fleet, refused } = await open({ files: {} });
    await fleet.load('heat', route, '', undefined);
    expect(refused).toHaveLength(1);
    expect(await ask(fleet, 1)).toEqual({ answer: 2, replica: 'r1' });

    // Under this digest the gateway gets other inputs than the replica knows: every run here fails.
    const odd = addModel();
    const { fleet: failing } = await open({ files: { [digestOf(odd)]: odd } });
    const oddRoute = create(RouteSchema, { version: 1, digest: digestOf(odd) });
    await failing.load('heat', oddRoute, '', undefined);
    expect(failing.where(digestOf(odd))).toEqual(['edge']);
    const wrong = failing.infer({ ...asked, route: oddRoute }, [column(1)], {
      deadlineAt: performance.now() + 20_000,
    });
    await expect(wrong).rejects.toMatchObject({ fault: 'caller' });
  });
});

test('after an unclean end models stay in their pools for a while, longer each time', async () => {
  const file = join(tempDir('edge'), 'mark.json');
  const first = new CrashGuard(file, 0);
  expect([first.crashes, first.mayRun(0)]).toEqual([0, true]);
  first.begin();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ crashes: 0 });
  const second = new CrashGuard(file, 0);
  expect([second.crashes, second.mayRun(14_000), second.mayRun(15_000)]).toEqual([1, false, true]);
  second.begin();
  const third = new CrashGuard(file, 0);
  expect([third.crashes, third.mayRun(15_000), third.mayRun(30_000)]).toEqual([2, false, true]);
  const { fleet, moves } = await open({ guard: new CrashGuard(file, performance.now()) });
  await fleet.load('heat', route, '', undefined);
  expect(moves).toEqual([]);
  expect(fleet.where(digest)).toEqual(['r1']);
  third.end();
  expect(new CrashGuard(file, 0).crashes).toBe(0);
  writeFileSync(file, 'no JSON');
  expect(new CrashGuard(file, 0).mayRun(0)).toBe(true);
});
