import { create } from '@bufbuild/protobuf';
import { LoadedModelSchema, ReplicaAnnouncedSchema } from '@perennial/contracts';
import { waitFor } from '@perennial/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { fleetLimits } from '../../src/fleet/limits.js';
import { answerOf, ask, closeFleets, column, model, openFleet, rowsIn, served } from './fleets.js';
import { cuttable, type Decide, startReplica } from './replicas.js';

afterEach(closeFleets);

describe('requests that come together', () => {
  test('travel as one, and each gets its own rows and is told how it ran', async () => {
    const replica = await startReplica();
    const { fleet } = await openFleet([replica.address]);
    await fleet.load('heat', model().route, '', undefined);
    const asked = [ask(fleet, [1]), ask(fleet, [2, 3]), ask(fleet, [4])];
    expect(await Promise.all(asked.map(answerOf))).toEqual([[2], [4, 6], [8]]);
    expect(replica.heard.map((request) => rowsIn(request).length)).toEqual([4]);
    expect((await ask(fleet, [1])).replica).toBe('r1');
  });

  test('go alone where they have many rows, where rows may not be joined, and where batches must be replayable', async () => {
    const fixed = await startReplica(undefined, { joinable: false });
    const { fleet } = await openFleet([fixed.address]);
    const many = Array.from({ length: 40 }, (_, at) => at);
    await Promise.all([ask(fleet, [1]), ask(fleet, many)]);
    await Promise.all([
      ask(fleet, [1], served({ rowByRow: true })),
      ask(fleet, [2], served({ rowByRow: true })),
    ]);
    expect(fixed.heard.map(({ alone }) => alone)).toEqual([false, false, true, true]);
    await fleet.load('heat', model().route, '', undefined);
    await Promise.all([ask(fleet, [1]), ask(fleet, [2])]);
    expect(fixed.heard.slice(4).map((request) => rowsIn(request).length)).toEqual([1, 1]);
  });

  test('fail each by itself: what the model refuses of one harms no other', async () => {
    const replica = await startReplica((request) =>
      rowsIn(request).includes(7) ? { error: 'MODEL_RUN_FAILED', fault: 'caller', retry: 'never' } : 'answer',
    );
    const { fleet, told } = await openFleet([replica.address]);
    await fleet.load('heat', model().route, '', undefined);
    const [bad, good] = await Promise.allSettled([ask(fleet, [7]), answerOf(ask(fleet, [2]))]);
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'MODEL_RUN_FAILED', fault: 'caller' } });
    expect(good).toEqual({ status: 'fulfilled', value: [4] });
    expect(told.retries).toEqual([]);
  });

  test('are not joined across callers, whose turns the replica counts, nor across priorities', async () => {
    const replica = await startReplica();
    const { fleet } = await openFleet([replica.address]);
    const options = { deadlineAt: performance.now() + 20_000 };
    await Promise.all([
      fleet.infer(model(), [column([1])], { ...options, share: 'a' }),
      fleet.infer(model(), [column([2])], { ...options, share: 'b', priority: 1 }),
    ]);
    const told = replica.heard.map(({ share, priority }) => `${share}${priority}`);
    expect(told.sort()).toEqual(['a0', 'b1']);
  });

  test('are under way as many at once as the replicas run batches, and the rest leaves together', async () => {
    const replica = await startReplica((_, heard) => (heard.length <= 2 ? { afterMs: 60 } : 'answer'));
    replica.self = { pool: 'cpu', slots: 2 };
    const { fleet } = await openFleet([replica.address]);
    await fleet.load('heat', model().route, '', undefined);
    const asked = [];
    for (const value of [1, 2, 3, 4]) {
      asked.push(answerOf(ask(fleet, [value])));
      await new Promise(setImmediate);
    }
    expect(await Promise.all(asked)).toEqual([[2], [4], [6], [8]]);
    expect(replica.heard.map((request) => rowsIn(request))).toEqual([[1], [2], [3, 4]]);
  });

  test('beyond what may wait are refused at once', async () => {
    const replica = await startReplica(() => 'ignore');
    const { fleet } = await openFleet([replica.address]);
    const small = served({ queueRowsMax: 3 });
    await fleet.load('heat', small.route, '', small.serve);
    const asked = [1, 2, 3, 4, 5].map((value) => ask(fleet, [value], small, 500));
    const outcomes = await Promise.allSettled(asked);
    const codes = outcomes.map((one) => one.status === 'rejected' && one.reason.code);
    expect(codes.slice(0, 3)).toEqual(Array(3).fill('DEADLINE_EXCEEDED'));
    expect(codes.slice(3)).toEqual(Array(2).fill('QUEUE_EXHAUSTED'));
  });
});

describe('a replica that goes down', () => {
  test('loses nothing: its requests are asked of another', async () => {
    const dying = await startReplica(() => 'ignore');
    const living = await startReplica();
    const { address, cut } = await cuttable(dying.address);
    // Only the dying one has the model.
    living.self = { pool: 'cpu' };
    const { fleet, told } = await openFleet([address, living.address]);
    const asked = [ask(fleet, [1]), ask(fleet, [2])].map(answerOf);
    await waitFor('the first one to hear them', () => dying.heard.length === 2);
    cut();
    expect(await Promise.all(asked)).toEqual([[2], [4]]);
    expect(living.heard).toHaveLength(2);
    expect(told.retries).not.toContain('drained');
  });

  test('is waited for where it is the only one', async () => {
    let isIll = true;
    const replica = await startReplica(() => (isIll ? 'ignore' : 'answer'));
    const { address, cut } = await cuttable(replica.address);
    const { fleet } = await openFleet([address]);
    const asked = answerOf(ask(fleet, [1]));
    await waitFor('it to hear', () => replica.heard.length === 1);
    isIll = false;
    cut();
    expect(await asked).toEqual([2]);
  });

  test('over one request takes no other with it, and that one is refused from then on', async () => {
    const poison = 13;
    const decide: Decide = (request) => (rowsIn(request).includes(poison) ? 'crash' : 'answer');
    const replicas = [await startReplica(decide), await startReplica(decide)];
    const { fleet } = await openFleet(replicas.map(({ address }) => address));
    await fleet.load('heat', model().route, '', undefined);
    const [bad, ...good] = await Promise.allSettled([
      ask(fleet, [poison]),
      answerOf(ask(fleet, [2])),
      answerOf(ask(fleet, [3])),
    ]);
    expect(bad).toMatchObject({
      status: 'rejected',
      reason: { code: 'REQUEST_QUARANTINED', fault: 'caller' },
    });
    expect(good.map((one) => one.status === 'fulfilled' && one.value)).toEqual([[4], [6]]);
    const heard = () =>
      replicas.flatMap((replica) => replica.heard).filter((one) => rowsIn(one).includes(poison));
    expect(heard()).toHaveLength(fleetLimits.lossesMax);
    await expect(ask(fleet, [poison])).rejects.toMatchObject({ code: 'REQUEST_QUARANTINED' });
    expect(heard()).toHaveLength(fleetLimits.lossesMax);
    expect(await answerOf(ask(fleet, [14]))).toEqual([28]);
  });
});

describe('replicas that are heard of', () => {
  const word = (address: string, over = {}) =>
    create(ReplicaAnnouncedSchema, { address, replicaId: 'new', pool: 'cpu', models: ['d'], ...over });

  test('join, are asked, and get nothing more from the moment that they drain', async () => {
    const replica = await startReplica();
    const { fleet } = await openFleet([]);
    fleet.announced(word(replica.address));
    expect(await answerOf(ask(fleet, [1]))).toEqual([2]);
    expect(fleet.where('d')).toEqual(['new']);
    const other = await startReplica();
    fleet.announced(word(other.address, { replicaId: 'other' }));
    await waitFor('the other one', () => fleet.where('d').length === 2);
    fleet.announced(word(replica.address, { draining: true }));
    const before = replica.heard.length;
    for (let at = 0; at < 20; at++) await ask(fleet, [at]);
    expect(replica.heard).toHaveLength(before);
    expect(fleet.replicas().map(({ id, state }) => [id, state])).toEqual([
      ['new', 'draining'],
      ['other', 'closed'],
    ]);
  });

  test('are gone when they fall silent, unless they answer when they are asked', async () => {
    const [silent, mute] = [await startReplica(), await startReplica()];
    const { fleet, told } = await openFleet([]);
    fleet.announced(word(silent.address, { replicaId: 'silent' }));
    fleet.announced(word(mute.address, { replicaId: 'mute' }));
    await waitFor('both', () => fleet.where('d').length === 2);
    await silent.stop();
    await waitFor('the silent one to be gone', () => told.gone.length === 1);
    expect(told.gone).toEqual(['silent']);
    expect(await answerOf(ask(fleet, [1]))).toEqual([2]);
  });

  test('of another pool are not asked', async () => {
    const gpu = await startReplica();
    gpu.self = { pool: 'gpu', models: [] };
    const { fleet } = await openFleet([gpu.address]);
    expect(fleet.hasReplicas('cpu')).toBe(false);
    expect(await answerOf(ask(fleet, [1], model({ pool: 'gpu' })))).toEqual([2]);
  });
});

test('a replica that fails what others answer is left out for a while, and the last one never', async () => {
  const ill = await startReplica(() => ({ error: 'ARTIFACT_UNAVAILABLE' }));
  const well = await startReplica();
  const { fleet, told } = await openFleet([ill.address, well.address]);
  for (let at = 0; at < 60; at++) expect(await answerOf(ask(fleet, [at]))).toEqual([at * 2]);
  // On a machine that is slow enough it is tried again, and left out again.
  expect([...new Set(told.ejected)]).toEqual(['r1 ARTIFACT_UNAVAILABLE']);
  const { fleet: lone, told: toldLone } = await openFleet([ill.address]);
  for (let at = 0; at < 2; at++)
    await expect(ask(lone, [at])).rejects.toMatchObject({ code: 'ARTIFACT_UNAVAILABLE', retry: 'after' });
  expect(toldLone.ejected).toEqual([]);
  expect(toldLone.retries).toHaveLength(2 * (fleetLimits.sendsMax - 1));
});

test('what a model is to blame for leaves no replica out, and what ends its executor is asked twice at most', async () => {
  const stuck: Decide = () => ({ error: 'EXECUTOR_STUCK' });
  const replicas = [await startReplica(stuck), await startReplica(stuck), await startReplica(stuck)];
  const { fleet, told } = await openFleet(replicas.map(({ address }) => address));
  for (let at = 0; at < 12; at++)
    await expect(ask(fleet, [at])).rejects.toMatchObject({ code: 'REQUEST_QUARANTINED' });
  expect(replicas.flatMap(({ heard }) => heard)).toHaveLength(12 * fleetLimits.lossesMax);
  expect(told.ejected).toEqual([]);
  const unfit: Decide = () => ({ error: 'MODEL_MALFORMED', fault: 'caller', retry: 'never' });
  const broken = [await startReplica(unfit), await startReplica(unfit)];
  const { fleet: other } = await openFleet(broken.map(({ address }) => address));
  await expect(ask(other, [1])).rejects.toMatchObject({
    code: 'MODEL_MALFORMED',
    fault: 'dependency',
    retry: 'never',
    retryAfterMs: 30_000,
  });
  expect(broken.flatMap(({ heard }) => heard)).toHaveLength(1);
});

test('a replica that says that it drains is asked no more, and not taken for ill', async () => {
  const draining = await startReplica(() => ({
    error: 'REPLICA_DRAINING',
    fault: 'dependency',
    retry: 'now',
  }));
  const well = await startReplica();
  const { fleet, told } = await openFleet([draining.address, well.address]);
  for (let at = 0; at < 40; at++) expect(await answerOf(ask(fleet, [at]))).toEqual([at * 2]);
  expect(draining.heard).toHaveLength(1);
  expect(told.retries).toEqual(['drained']);
  expect(told.ejected).toEqual([]);
  expect(fleet.replicas().map(({ state }) => state)).toEqual(['draining', 'closed']);
});

test('a replica that was lost with the requests that were to try it is tried again', async () => {
  let isIll = true;
  const decide: Decide = () => (isIll ? { error: 'INTERNAL' } : 'crash');
  const ill = await startReplica(decide);
  const way = await cuttable(ill.address);
  const { fleet, told } = await openFleet([way.address, (await startReplica()).address]);
  const untilIt = async (heard: number) => {
    await waitFor('it is asked', async () => {
      await ask(fleet, [1]);
      return ill.heard.length >= heard;
    });
  };
  await untilIt(fleetLimits.circuit.failuresMax);
  expect(told.ejected).toEqual(['r1 INTERNAL']);
  isIll = false;
  // More often than it may be tried at the same time.
  await untilIt(ill.heard.length + 2 * fleetLimits.circuit.probes);
}, 30_000);

test('what was lost with a replica keeps to its deadline, whoever waits before it', async () => {
  const replica = await startReplica(() => 'ignore');
  const way = await cuttable(replica.address);
  const { fleet } = await openFleet([way.address]);
  const many = Array.from({ length: 40 }, (_, at) => at);
  const patient = ask(fleet, many, model(), 60_000).catch(() => 'given up');
  await waitFor('it is there', () => replica.heard.length === 1);
  const hasty = ask(fleet, many, model(), 1_000);
  await waitFor('both are there', () => replica.heard.length === 2);
  way.pause();
  way.cut();
  const first = Promise.race([patient, hasty.catch((error: { code: string }) => error.code)]);
  expect(await first).toBe('DEADLINE_EXCEEDED');
}, 30_000);

test('what a full replica refuses is asked of one other, and of no third', async () => {
  const full: Decide = () => ({ error: 'QUEUE_EXHAUSTED' });
  const replicas = [await startReplica(full), await startReplica(full), await startReplica(full)];
  const { fleet, told } = await openFleet(replicas.map(({ address }) => address));
  await expect(ask(fleet, [1])).rejects.toMatchObject({ code: 'QUEUE_EXHAUSTED' });
  expect(replicas.flatMap(({ heard }) => heard)).toHaveLength(2);
  expect(told.ejected).toEqual([]);
});

test('a request that is slower than usual is asked of a second replica where the deployment wants it', async () => {
  let isStuck = false;
  const decide: Decide = () => (isStuck ? 'ignore' : 'answer');
  // The slower one, so that the first is asked as long as it answers.
  const [a, b] = [await startReplica(decide), await startReplica(() => ({ afterMs: 20 }))];
  const { fleet, told } = await openFleet([a.address, b.address], () => 0);
  const hedged = served({ hedge: true });
  for (let at = 0; at < fleetLimits.hedgeSamplesMin; at++) await ask(fleet, [at], hedged);
  isStuck = true;
  for (let at = 0; at < 5; at++) expect(await answerOf(ask(fleet, [at], hedged))).toEqual([at * 2]);
  await waitFor('the loser to be told', () => a.cancelled.length > 0);
  expect(told.hedges).toContain(true);
  expect(told.hedges.length).toBeLessThanOrEqual(
    fleetLimits.hedges.kept + 0.05 * (fleetLimits.hedgeSamplesMin + 5),
  );
});

test('a model is ready when the first replica has it, and figures are those of all together', async () => {
  const [a, b] = [await startReplica(), await startReplica()];
  const held = (requests: bigint, replica: Awaited<typeof a>) => {
    const models = [
      create(LoadedModelSchema, { digest: 'd', requests, batchSizes: [{ rows: 1, count: requests }] }),
    ];
    replica.self = { pool: 'cpu', models };
  };
  a.self = { pool: 'cpu' };
  b.self = { pool: 'cpu' };
  const { fleet } = await openFleet([a.address, b.address]);
  await expect(fleet.load('heat', model().route, 'gpu', undefined)).rejects.toMatchObject({
    code: 'INFERENCE_UNAVAILABLE',
  });
  expect(fleet.isReady('d')).toBe(false);
  await fleet.load('heat', model().route, 'cpu', undefined);
  expect(fleet.isReady('d')).toBe(true);
  held(3n, a);
  held(4n, b);
  const [figures] = await fleet.statistics();
  expect(figures).toMatchObject({ digest: 'd', requests: 7n, replicas: ['r1', 'r2'] });
  expect(figures?.batchSizes).toMatchObject([{ rows: 1, count: 7n }]);
  fleet.keep([]);
  expect(fleet.isReady('d')).toBe(false);
});
