import { create } from '@bufbuild/protobuf';
import { DeploymentUpdatedSchema, RouteRole } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { nothingDeclared, type RoutesAsked, type Rule } from '../../src/decide/declared.js';
import { deploymentOf, routesOf } from '../../src/decide/deployment.js';
import { passedTest, play, reviewed, trained, withChampions } from './states.js';

const asked = (routes: Partial<RoutesAsked>) =>
  ({ kind: 'set-routes', asked: { variants: [], shadows: [], rules: [], ...routes } }) as const;
const rule = (fields: Partial<Rule>): Rule => ({
  header: '',
  equals: '',
  tenant: '',
  caller: '',
  version: 1,
  ...fields,
});
const half = asked({
  variants: [
    { version: 1, weight: 1 },
    { version: 2, weight: 1 },
  ],
});
const shown = (state: ReturnType<typeof withChampions>) =>
  routesOf(state).map(({ role, version, weight }) => [RouteRole[role], version, weight]);

test('declared variants share the requests, the champion first, in a new epoch', () => {
  const before = withChampions(2);
  const { state, emits } = play(before, [half]);
  expect(shown(state)).toEqual([
    ['CHAMPION', 2, 0.5],
    ['VARIANT', 1, 0.5],
  ]);
  expect(state.epoch).toBe(before.epoch + 1);
  expect(emits.map(({ event }) => event)).toEqual(['deploymentUpdated']);
  expect(play(state, [half]).emits).toEqual([]);
  expect(shown(play(state, [asked({})]).state)).toEqual([['CHAMPION', 2, 1]]);
});

test('a version that only a rule names is routed to, with no share of the others', () => {
  const { state } = play(withChampions(2), [asked({ rules: [rule({ tenant: 'acme' })] })]);
  expect(shown(state)).toEqual([
    ['CHAMPION', 2, 1],
    ['VARIANT', 1, 0],
  ]);
  const told = create(DeploymentUpdatedSchema, deploymentOf(state));
  expect(told.rules).toMatchObject([{ tenant: 'acme', version: 1 }]);
  expect(told.routes[1]?.buckets).toEqual([]);
});

test('variants step aside for a canary and are back when it is rejected', () => {
  const shared = play(withChampions(2), [half]).state;
  const rolling = play(shared, [reviewed('review-x')]).state;
  const rolloutId = rolling.rollout?.rolloutId ?? '';
  const champion = { digest: rolling.models.at(-1)?.digest ?? '', value: 5 };
  const testing = play(rolling, trained('run-x', rolloutId, { value: 1, champion })).state;
  const shadow = play(testing, [{ kind: 'model-tested', rolloutId, answer: passedTest }]).state;
  expect(shown(shadow).map(([role]) => role)).toEqual(['CHAMPION', 'VARIANT', 'SHADOW']);
  const canary = {
    ...shadow,
    rollout: shadow.rollout && { ...shadow.rollout, phase: 'CANARY' as const },
  };
  expect(shown(canary).map(([role]) => role)).toEqual(['CHAMPION', 'CANARY']);
  const cancelled = play(canary, [{ kind: 'cancel-rollout', reason: '', by: 'me' }]).state;
  expect(shown(cancelled)).toEqual(shown(shared));
});

test('a rollback and a promotion end what was declared', () => {
  const shared = play(withChampions(3), [half]).state;
  for (const fact of [
    { kind: 'rollback', reason: '', by: 'me' },
    { kind: 'promote', version: 1, reason: '', by: 'me' },
  ] as const) {
    expect(play(shared, [fact]).state.declared).toEqual(nothingDeclared);
  }
});

test('routes are refused while a rollout is in flight, and before there is a champion', () => {
  const rolling = play(withChampions(1), [reviewed('review-y')]).state;
  expect(play(rolling, [half]).refusal?.code).toBe('ROLLOUT_IN_FLIGHT_CONFLICT');
  expect(play({ ...rolling, rollout: undefined, champion: undefined }, [half]).refusal?.code).toBe(
    'ROUTES_CONFLICT',
  );
});

test.each([
  [{ variants: [{ version: 7, weight: 1 }] }, 'MODEL_NOT_FOUND', 'variants[0].version'],
  [{ variants: [{ version: 1, weight: -1 }] }, 'ROUTES_INVALID', 'variants[0].weight'],
  [{ variants: [{ version: 1, weight: Number.NaN }] }, 'ROUTES_INVALID', 'variants[0].weight'],
  [{ variants: [{ version: 2, weight: 0 }] }, 'ROUTES_INVALID', 'variants'],
  [{ variants: [{ version: 1, weight: 1 }] }, 'ROUTES_INVALID', 'variants'],
  [
    {
      variants: [
        { version: 2, weight: 1 },
        { version: 2, weight: 1 },
      ],
    },
    'ROUTES_INVALID',
    'variants',
  ],
  [{ shadows: [2] }, 'ROUTES_INVALID', 'shadows[0]'],
  [{ rules: [rule({})] }, 'ROUTES_INVALID', 'rules[0]'],
  [{ rules: [rule({ header: 'a b', equals: 'x' })] }, 'ROUTES_INVALID', 'rules[0].header'],
  [{ rules: [rule({ header: 'x-group' })] }, 'ROUTES_INVALID', 'rules[0].equals'],
  [{ rules: [rule({ caller: 'me', version: 9 })] }, 'MODEL_NOT_FOUND', 'rules[0].version'],
])('%j is refused with %s at %s', (routes, code, field) => {
  const { refusal, emits } = play(withChampions(2), [asked(routes)]);
  expect(refusal).toMatchObject({ code, field });
  expect(emits).toEqual([]);
});

test('what is unloaded is told so and comes back as it was', () => {
  const shared = play(withChampions(2), [half]).state;
  const away = play(shared, [{ kind: 'set-availability', available: false }]).state;
  expect(deploymentOf(away)).toMatchObject({ unloaded: true });
  const back = play(away, [{ kind: 'set-availability', available: true }]).state;
  expect(shown(back)).toEqual(shown(shared));
  expect(back.epoch).toBe(shared.epoch + 2);
});

test('shares follow the rewards of a bandit: once each, none about other variants, none during a canary', () => {
  const shared = play({ ...withChampions(2), serve: { bandit: { reward: 'y', floor: 0.1 } } }, [half]).state;
  const earned = (rows: number, sinceEpoch = shared.epoch) => ({
    kind: 'rewarded' as const,
    sinceEpoch,
    rewards: [1, 2].map((version) => {
      const mean = version === 1 ? 0.9 : 0.1;
      return { version, rows, mean, squares: rows * mean * (1 - mean) };
    }),
  });
  const weights = (state: ReturnType<typeof withChampions>) =>
    state.declared.variants.map(({ weight }) => Math.round(weight * 100) / 100);
  const once = play(shared, [earned(500)]).state;
  expect(weights(once)).toEqual([0.6, 0.4]);
  expect(once.epoch).toBe(shared.epoch + 1);
  // Told again, told late, and told of the versions that shared before these did.
  expect(play(once, [earned(500), earned(400), earned(900, shared.epoch - 1)]).state).toEqual(once);
  expect(weights(play(once, [earned(600)]).state)).toEqual([0.7, 0.3]);
  expect(play(shared, [earned(500), earned(600)]).state).toEqual(
    play(shared, [earned(500), earned(600)]).state,
  );
  const rolling = play(once, [reviewed('review-z')]).state;
  const canary = { ...rolling, rollout: rolling.rollout && { ...rolling.rollout, phase: 'CANARY' as const } };
  expect(play(canary, [earned(600)]).state).toEqual(canary);
  expect(play({ ...once, serve: {} }, [earned(600)]).state.declared).toEqual(once.declared);
});
