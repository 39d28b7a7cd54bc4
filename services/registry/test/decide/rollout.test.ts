import { RolloutPhase, RouteRole } from '@perennial/contracts';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/decide/decide.js';
import type { Emit } from '../../src/decide/decision.js';
import { routesOf } from '../../src/decide/deployment.js';
import {
  digestOfRun,
  fresh,
  passedTest,
  plan,
  play,
  prediction,
  reviewed,
  throughTraffic,
  trained,
  withChampions,
} from './states.js';

const names = (emits: readonly Emit[]) => emits.map((emit) => emit.event);
const asked = play(fresh, [{ kind: 'data-verified', rows: 91, labels: 91, until: 0 }]);
const firstId = asked.state.rollout?.rolloutId ?? '';

describe('the first model', () => {
  test('is asked for once rows and labels are enough, and not before', () => {
    expect(play(fresh, [{ kind: 'data-verified', rows: 91, labels: 59, until: 0 }]).emits).toEqual([]);
    expect(play(fresh, [{ kind: 'data-verified', rows: 0, labels: 91, until: 0 }]).emits).toEqual([]);
    expect(names(asked.emits)).toEqual(['rolloutRequested']);
    expect(play(asked.state, [{ kind: 'data-verified', rows: 92, labels: 92, until: 0 }]).emits).toEqual([]);
  });

  test('is asked for again after a refusal only when more is verified', () => {
    const refusal = { kind: 'dataset-refused', rolloutId: firstId, reason: 'too few rows' } as const;
    const after = play(asked.state, [refusal]);
    expect(after.ended[0]?.phase).toBe('FAILED');
    expect(play(after.state, [{ kind: 'data-verified', rows: 91, labels: 91, until: 0 }]).emits).toEqual([]);
    expect(
      names(play(after.state, [{ kind: 'data-verified', rows: 92, labels: 91, until: 0 }]).emits),
    ).toEqual(['rolloutRequested']);
    const meanwhile = play(asked.state, [{ kind: 'data-verified', rows: 92, labels: 92, until: 0 }, refusal]);
    expect(names(meanwhile.emits)).toEqual(['rolloutAdvanced', 'rolloutRequested']);
    expect(meanwhile.state.rollout?.rolloutId).not.toBe(firstId);
  });

  test('is asked for again when a new version of the system is applied, and not by the same data alone', () => {
    const refusal = { kind: 'dataset-refused', rolloutId: firstId, reason: 'no such column' } as const;
    const after = play(asked.state, [refusal]);
    const again = play({ ...after.state, version: 2 }, [{ kind: 'system-applied' }]);
    expect(names(again.emits)).toEqual(['rolloutRequested']);
    expect(again.state.rollout?.rolloutId).not.toBe(firstId);
  });

  test('needs no labels where each row brings its own', () => {
    const inRow = { ...fresh, isLabelInRow: true };
    const facts = [{ kind: 'data-verified', rows: 91, labels: 0, until: 0 }] as const;
    expect(names(play(inRow, facts).emits)).toEqual(['rolloutRequested']);
    expect(play(fresh, facts).emits).toEqual([]);
  });

  test('waits for the end of the span that it is to be trained on', () => {
    const spanned = { ...fresh, trainsUntil: 1_000 };
    const told = (until: number) => ({ kind: 'data-verified', rows: 91, labels: 91, until }) as const;
    expect(play(spanned, [told(999)]).emits).toEqual([]);
    expect(names(play(spanned, [told(999), told(1_000)]).emits)).toEqual(['rolloutRequested']);
  });

  test('becomes champion right after its test', () => {
    const done = play(asked.state, [
      ...trained('run-1', firstId),
      { kind: 'model-tested', rolloutId: firstId, answer: passedTest },
    ]);
    expect(names(done.emits)).toEqual([
      'modelRegistered',
      'rolloutAdvanced',
      'modelTested',
      'modelPromoted',
      'rolloutAdvanced',
      'deploymentUpdated',
    ]);
    expect(done.state).toMatchObject({ champion: 1, epoch: 1, rollout: undefined });
    expect(routesOf(done.state)).toMatchObject([
      { role: RouteRole.CHAMPION, version: 1, digest: digestOfRun('run-1'), weight: 1, standing: false },
    ]);
  });

  test('must beat the constant baseline', () => {
    const done = play(asked.state, trained('run-1', firstId, { value: 9, baseline: 9 }));
    expect(done.ended[0]).toMatchObject({ phase: 'REJECTED', modelVersion: 1 });
    expect(done.state.champion).toBeUndefined();
  });
});

describe('the next model', () => {
  const one = withChampions(1);
  const requested = play(one, [reviewed('r2')]).state;
  const rolloutId = requested.rollout?.rolloutId ?? '';
  const champion = { digest: digestOfRun('run-1'), value: 10 };
  const shadow = play(requested, [
    ...trained('run-2', rolloutId, { value: 5, champion }),
    { kind: 'model-tested', rolloutId, answer: passedTest },
  ]).state;

  test('goes through shadow and canary to champion', () => {
    expect(shadow.rollout).toMatchObject({ phase: 'SHADOW', stepEpoch: 2 });
    expect(routesOf(shadow).map(({ role, version, weight }) => ({ role, version, weight }))).toEqual([
      { role: RouteRole.CHAMPION, version: 1, weight: 1 },
      { role: RouteRole.SHADOW, version: 2, weight: 0 },
    ]);
    const canary = play(shadow, [
      {
        kind: 'predictions',
        predictions: ['a', 'b', 'c'].map((id) => prediction(id, 2, { 1: 'ok', 2: 'ok' })),
      },
    ]).state;
    expect(canary.rollout).toMatchObject({ phase: 'CANARY', stepEpoch: 3, stepCount: 0 });
    expect(routesOf(canary).map(({ role, weight }) => ({ role, weight }))).toEqual([
      { role: RouteRole.CHAMPION, weight: 0.5 },
      { role: RouteRole.CANARY, weight: 0.5 },
    ]);
    const others = play(canary, [
      { kind: 'predictions', predictions: ['d', 'e', 'f', 'g'].map((id) => prediction(id, 3, { 1: 'ok' })) },
    ]).state;
    expect(others.rollout, 'a canary that nobody asked proves nothing').toMatchObject({ phase: 'CANARY' });
    const done = play(others, [{ kind: 'predictions', predictions: [prediction('h', 3, { 2: 'ok' })] }]);
    expect(done.state).toMatchObject({ champion: 2, history: [1], epoch: 4, rollout: undefined });
    expect(done.ended[0]?.phase).toBe('PROMOTED');
  });

  test('counts neither repeated predictions nor those of an earlier epoch', () => {
    const once = [prediction('a', 2, { 1: 'ok', 2: 'ok' })];
    const after = play(shadow, [
      { kind: 'predictions', predictions: [...once, ...once] },
      { kind: 'predictions', predictions: once },
      { kind: 'predictions', predictions: [prediction('old', 1, { 1: 'ok', 2: 'ok' })] },
    ]).state;
    expect(after.rollout).toMatchObject({ phase: 'SHADOW', stepCount: 1 });
  });

  test('is rejected by one failed answer, and its routes are gone', () => {
    const bad = prediction('a', 2, { 1: 'ok', 2: 'MODEL_OUTPUT_INVALID: not a number' });
    const done = play(shadow, [{ kind: 'predictions', predictions: [bad] }]);
    expect(done.ended[0]?.phase).toBe('REJECTED');
    expect(routesOf(done.state)).toEqual(routesOf(one));
    expect(done.state.epoch).toBe(3);
  });

  test('is not blamed for a replica that is away, but does not wait for ever', () => {
    const away = (id: number) => prediction(`p${id}`, 2, { 1: 'ok', 2: 'REPLICA_UNAVAILABLE: gone' });
    const some = play(shadow, [{ kind: 'predictions', predictions: [1, 2, 3].map(away) }]).state;
    expect(some.rollout).toMatchObject({ phase: 'SHADOW', inconclusiveCount: 3 });
    const many = Array.from({ length: 30 }, (_, id) => away(id));
    expect(play(shadow, [{ kind: 'predictions', predictions: many }]).ended[0]?.phase).toBe('REJECTED');
  });

  test.each([
    ['too slow', { ...passedTest, latencyP99Ms: 201 }],
    ['too large', { ...passedTest, memoryBytes: 2 ** 30 }],
    ['golden', { ...passedTest, passed: false, reason: 'golden request 3 differs' }],
  ])('is rejected in its test: %s', (text, answer) => {
    const testing = play(requested, trained('run-2', rolloutId, { value: 5, champion })).state;
    const done = play(testing, [{ kind: 'model-tested', rolloutId, answer }]);
    expect(done.ended[0]).toMatchObject({ phase: 'REJECTED', reason: expect.stringContaining(text) });
    expect(done.state.models[1]?.tested).toBe('failed');
    expect(play(done.state, [{ kind: 'promote', version: 2, reason: '', by: 'me' }]).refusal?.code).toBe(
      'MODEL_TEST_CONFLICT',
    );
  });

  test('skips the steps that the system does not ask for', () => {
    const bare = { ...one, plan: { ...plan, shadowPredictions: 0, canaryShares: [] } };
    const begun = play(bare, [reviewed('r3')]).state;
    const id = begun.rollout?.rolloutId ?? '';
    const done = play(begun, [
      ...trained('run-2', id, { value: 5, champion }),
      { kind: 'model-tested', rolloutId: id, answer: passedTest },
    ]);
    expect(done.state).toMatchObject({ champion: 2, epoch: 2 });
  });

  test('goes on counting when a standing shadow is added in the middle of a step', () => {
    const counted = play(shadow, [
      { kind: 'predictions', predictions: [prediction('a', 2, { 1: 'ok', 2: 'ok' })] },
      { kind: 'add-shadow', version: 1 },
    ]).state;
    expect(counted).toMatchObject({ epoch: 3, rollout: { stepCount: 1, stepEpoch: 2 } });
    expect(throughTraffic(counted, 2)).toMatchObject({ champion: 2, shadows: [1] });
  });

  test('tells the phases by the names of the contract', () => {
    const [advanced] = decide(
      shadow,
      { kind: 'predictions', predictions: ['a', 'b'].map((id) => prediction(id, 2, { 2: 'ok' })) },
      5,
    ).emits;
    expect(advanced?.body).toMatchObject({ from: RolloutPhase.SHADOW, to: RolloutPhase.CANARY });
  });
});
