import { describe, expect, test } from 'vitest';
import { decide } from '../../src/decide/decide.js';
import { routesOf } from '../../src/decide/deployment.js';
import { fresh, passedTest, play, reviewed, trained, withChampions } from './states.js';

const rollback = { kind: 'rollback', reason: 'it is wrong', by: 'me' } as const;
const promote = (version: number) => ({ kind: 'promote', version, reason: '', by: 'me' }) as const;
const three = withChampions(3);

describe('rollback', () => {
  test('goes back one champion each time, holds, and refuses where there is none left', () => {
    const once = play(three, [rollback], 5_000);
    expect(once.state).toMatchObject({ champion: 2, history: [1], heldAt: 5_000, epoch: three.epoch + 1 });
    expect(once.emits.map((emit) => emit.event)).toEqual(['modelPromoted', 'deploymentUpdated']);
    expect(once.emits[1]?.body).toMatchObject({ held: true });
    const twice = play(once.state, [rollback], 6_000);
    expect(twice.state).toMatchObject({ champion: 1, history: [] });
    expect(play(twice.state, [rollback]).refusal?.code).toBe('ROLLBACK_CONFLICT');
    expect(play(fresh, [rollback]).refusal).toMatchObject({ field: 'system' });
  });

  test('cancels the rollout in flight', () => {
    const inFlight = play(three, [reviewed('next')]).state;
    const done = play(inFlight, [rollback]);
    expect(done.ended.map(({ phase }) => phase)).toEqual(['CANCELLED']);
    expect(done.state.rollout).toBeUndefined();
  });

  test('holds promotions until resume or a newer review', () => {
    const held = play(three, [rollback], 5_000).state;
    expect(play(held, [reviewed('older', 5_000)]).state).toBe(held);
    const renewed = play(held, [reviewed('newer', 5_001)]).state;
    expect(renewed).toMatchObject({ heldAt: undefined, rollout: { trigger: 'REVIEW', reviewId: 'newer' } });
    const retrain = { kind: 'retrain', requestId: '1', reason: '', by: 'me' } as const;
    expect(play(held, [retrain]).refusal?.code).toBe('PROMOTIONS_HELD_CONFLICT');
    const resumed = decide(held, { kind: 'resume' }, 6_000);
    expect(resumed.emits.map((emit) => emit.event)).toEqual(['deploymentUpdated']);
    expect(play(resumed.state, [retrain]).state.rollout).toMatchObject({ trigger: 'PERSON' });
  });

  test('forward again is a promotion, and back goes where one came from', () => {
    const forward = play(three, [rollback, promote(3)]).state;
    expect(forward).toMatchObject({ champion: 3, history: [1, 2] });
    expect(play(forward, [rollback]).state.champion).toBe(2);
  });
});

const cancel = { kind: 'cancel-rollout', reason: 'stuck', by: 'me' } as const;

describe('cancelling the rollout in flight', () => {
  const verified = (rows: number) => ({ kind: 'data-verified', rows, labels: rows, until: 0 }) as const;

  test('ends a first one that hangs, and none begins by itself until more data are there', () => {
    // More came while it hung: that alone must not start the next one in the same breath.
    const hanging = play(fresh, [verified(60), verified(75)]).state;
    expect(hanging.rollout?.phase).toBe('TRAINING');
    const done = play(hanging, [cancel], 5_000);
    expect(done.ended).toMatchObject([{ phase: 'CANCELLED', reason: 'stuck (me)', endedAt: 5_000 }]);
    expect(done.emits.map((emit) => emit.event)).toEqual(['rolloutAdvanced']);
    expect(done.state.rollout).toBeUndefined();
    expect(play(done.state, [verified(75)])).toMatchObject({ emits: [] });
    expect(play(done.state, [verified(76)]).state.rollout).toMatchObject({ trigger: 'FIRST' });
    const retrain = { kind: 'retrain', requestId: '1', reason: '', by: 'me' } as const;
    expect(play(done.state, [retrain]).state.rollout).toMatchObject({ trigger: 'PERSON' });
  });

  test('leaves a late result of its run as a version that nobody serves', () => {
    const hanging = play(fresh, [verified(60)]).state;
    const rolloutId = hanging.rollout?.rolloutId ?? '';
    const late = play(hanging, [cancel, ...trained('late', rolloutId)]);
    expect(late.state).toMatchObject({ champion: undefined, rollout: undefined, models: [{ version: 1 }] });
    expect(late.effects).toEqual([]);
    expect(play(late.state, [promote(1)]).state.champion).toBe(1);
  });

  test('takes the candidate out of the routes and its test out of the queue; the champion stays', () => {
    const asked = play(three, [reviewed('next')]).state;
    const rolloutId = asked.rollout?.rolloutId ?? '';
    const champion = { digest: three.models.at(-1)?.digest ?? '', value: 3 };
    const testing = play(asked, trained('next', rolloutId, { value: 1, champion })).state;
    expect(play(testing, [cancel]).effects).toEqual([{ kind: 'drop-test', rolloutId }]);
    const shadow = play(testing, [{ kind: 'model-tested', rolloutId, answer: passedTest }]).state;
    expect(routesOf(shadow)).toHaveLength(2);
    const done = play(shadow, [cancel]);
    expect(done.emits.map((emit) => emit.event)).toEqual(['rolloutAdvanced', 'deploymentUpdated']);
    expect(routesOf(done.state)).toMatchObject([{ version: 3, weight: 1 }]);
    expect(done.state).toMatchObject({ champion: 3, heldAt: undefined });
  });

  test('is refused where none is in flight', () => {
    expect(play(three, [cancel]).refusal).toMatchObject({ code: 'ROLLOUT_NOT_FOUND', field: 'system' });
  });
});

describe('a person', () => {
  test('cannot promote a version that does not exist, and changes nothing by promoting the champion', () => {
    expect(play(three, [promote(9)]).refusal).toMatchObject({ code: 'MODEL_NOT_FOUND', field: 'reference' });
    expect(play(three, [promote(3)])).toMatchObject({ state: three, emits: [] });
  });

  test('adds and removes standing shadows, which stay across champions', () => {
    const shadowed = play(three, [{ kind: 'add-shadow', version: 1 }]).state;
    expect(routesOf(shadowed).at(-1)).toMatchObject({ version: 1, weight: 0, standing: true });
    expect(play(shadowed, [{ kind: 'add-shadow', version: 1 }])).toMatchObject({
      emits: [],
      state: shadowed,
    });
    const moved = play(shadowed, [rollback, promote(1)]).state;
    expect(routesOf(moved).map(({ version }) => version)).toEqual([1, 1]);
    const removed = play(moved, [{ kind: 'remove-shadow', version: 1 }]).state;
    expect(routesOf(removed)).toHaveLength(1);
    expect(play(removed, [{ kind: 'remove-shadow', version: 1 }]).refusal?.code).toBe('SHADOW_NOT_FOUND');
  });

  test('cannot start a second rollout', () => {
    const inFlight = play(three, [reviewed('next')]).state;
    const again = play(inFlight, [{ kind: 'retrain', requestId: '1', reason: '', by: 'me' }]);
    expect(again.refusal?.code).toBe('ROLLOUT_IN_FLIGHT_CONFLICT');
  });
});

test('a new system.yaml reaches the deployment with the next epoch, and a rollout keeps its own plan', () => {
  const inFlight = play(three, [reviewed('next')]).state;
  const applied = { ...inFlight, version: 2, specJson: '{"a":1}' };
  const done = decide(applied, { kind: 'system-applied' }, 5, inFlight);
  expect(done.emits.map((emit) => emit.event)).toEqual(['deploymentUpdated']);
  expect(done.state).toMatchObject({ epoch: three.epoch + 1, rollout: { plan: inFlight.rollout?.plan } });
});
