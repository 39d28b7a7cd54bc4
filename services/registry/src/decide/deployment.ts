import type { MessageInitShape } from '@bufbuild/protobuf';
import { type DeploymentUpdatedSchema, type FeatureInput, RouteRole } from '@perennial/contracts';
import { canonicalJson } from '@perennial/kernel';
import { andThen, changed, type Decision } from './decision.js';
import { variantRoutes } from './declared.js';
import { type Model, modelOf, type SystemState } from './state.js';

interface RouteShown {
  readonly role: RouteRole;
  readonly version: number;
  readonly digest: string;
  readonly weight: number;
  readonly standing: boolean;
  readonly signature: string;
  readonly buckets: readonly number[];
}

/**
 * Routes follow from the state alone: ending a rollout restores them, and no step has to undo what another did.
 * Declared variants step aside for a canary, whose share is one of the champion's. Empty where nothing serves.
 */
export function routesOf(state: SystemState): RouteShown[] {
  const champion = modelOf(state, state.champion);
  if (!champion) return [];
  const { rollout } = state;
  const candidate = modelOf(state, rollout?.modelVersion);
  const share = rollout?.phase === 'CANARY' ? (rollout.plan.canaryShares[rollout.canaryStep] ?? 0) : 0;
  const isCanary = candidate !== undefined && rollout?.phase === 'CANARY';
  const routes = isCanary
    ? [route(RouteRole.CHAMPION, champion, 1 - share), route(RouteRole.CANARY, candidate, share)]
    : sharedRoutes(state, champion);
  if (candidate && rollout?.phase === 'SHADOW' && !state.shadows.includes(candidate.version)) {
    routes.push(route(RouteRole.SHADOW, candidate, 0));
  }
  for (const version of state.shadows) {
    const model = modelOf(state, version);
    if (model) routes.push({ ...route(RouteRole.SHADOW, model, 0), standing: true });
  }
  return routes;
}

function sharedRoutes(state: SystemState, champion: Model): RouteShown[] {
  const { variants } = state.declared;
  if (variants.length === 0) return [route(RouteRole.CHAMPION, champion, 1)];
  return variantRoutes(variants, champion.version).flatMap(({ role, version, weight, buckets }) => {
    const model = modelOf(state, version);
    return model ? [{ ...route(role, model, weight), buckets }] : [];
  });
}

function route(role: RouteRole, { version, digest, signature }: Model, weight: number): RouteShown {
  return { role, version, digest, weight, standing: false, signature, buckets: [] };
}

/** The champion's inputs in its order, then what only other routed versions need. */
function inputsOf(state: SystemState, routes: readonly RouteShown[]): FeatureInput[] {
  const inputs = new Map<string, FeatureInput>();
  for (const { version } of routes) {
    for (const input of modelOf(state, version)?.inputs ?? []) {
      if (!inputs.has(input.name)) inputs.set(input.name, input);
    }
  }
  return [...inputs.values()];
}

/** The deployment as gateway and inference are told of it. */
export function deploymentOf(state: SystemState): MessageInitShape<typeof DeploymentUpdatedSchema> {
  const routes = routesOf(state);
  const { rollout } = state;
  const isLive = rollout?.phase === 'SHADOW' || rollout?.phase === 'CANARY';
  return {
    deployment: state.system,
    system: state.system,
    epoch: BigInt(state.epoch),
    routes: routes.map(({ buckets, ...shown }) => ({ ...shown, buckets: [...buckets] })),
    pool: state.pool,
    held: state.heldAt !== undefined,
    systemVersion: state.version,
    rolloutId: isLive ? rollout.rolloutId : (modelOf(state, state.champion)?.rolloutId ?? ''),
    inputs: inputsOf(state, routes),
    specJson: state.specJson,
    serve: state.serve,
    rules: state.declared.rules.map((rule) => ({ ...rule })),
    unloaded: state.declared.unloaded,
  };
}

/** Gives the deployment its next epoch and tells of it, where a decision changed what is deployed. */
export function settle(before: SystemState, decision: Decision): Decision {
  const { state } = decision;
  if (decision.refusal || state.champion === undefined || looksOf(before) === looksOf(state)) return decision;
  return andThen(decision, () => {
    const epoch = state.epoch + 1;
    const { rollout } = state;
    const beginsStep = rollout !== undefined && stepOf(before) !== stepOf(state);
    const next = {
      ...state,
      epoch,
      rollout: beginsStep ? { ...rollout, stepEpoch: epoch } : rollout,
    };
    return changed(next, {
      event: 'deploymentUpdated',
      aggregateId: state.system,
      body: deploymentOf(next),
    });
  });
}

function looksOf(state: SystemState): string {
  if (state.champion === undefined) return '';
  const { epoch: _epoch, inputs: _inputs, ...rest } = deploymentOf(state);
  return canonicalJson(rest);
}

function stepOf({ rollout }: SystemState): string {
  return rollout ? `${rollout.rolloutId} ${rollout.phase} ${rollout.canaryStep}` : '';
}
