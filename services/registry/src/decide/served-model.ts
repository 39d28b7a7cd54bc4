import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type DeploymentUpdatedSchema,
  type FeatureInput,
  type ModelGraph,
  RouteRole,
} from '@perennial/contracts';
import { canonicalJson } from '@perennial/kernel';
import type { ServeInit } from '../serve-settings.js';
import type { Emit, Refusal } from './decision.js';
import {
  type Declared,
  declare,
  nothingDeclared,
  type RoutesAsked,
  variantRoutes,
  withoutRoutes,
} from './declared.js';

/** One version of a model that somebody brought; immutable. */
export interface ServedVersion {
  readonly version: number;
  readonly digest: string;
  readonly bytes: number;
  readonly inputs: readonly FeatureInput[];
  readonly outputs: readonly FeatureInput[];
  /** Where other models answer together under this name; the digest is then the graph's. */
  readonly graph: ModelGraph | undefined;
  readonly signature: string;
  readonly registeredBy: string;
  readonly registeredAt: number;
}

/** A model that somebody brought: a deployment without a system. */
export interface ServedModel {
  readonly name: string;
  readonly champion: number | undefined;
  /** Champions before this one, oldest first: what a rollback goes back to. */
  readonly history: readonly number[];
  readonly versions: readonly ServedVersion[];
  readonly shadows: readonly number[];
  readonly declared: Declared;
  readonly pool: string;
  /** Canonical JSON of the settings, as libs/spec reads them, and what they mean. */
  readonly servingJson: string;
  readonly serve: ServeInit;
  readonly retired: boolean;
  readonly epoch: number;
}

/** Steps that rollbacks can go back; who wants to go further promotes by number. */
const historyMax = 100;

export function newModel(name: string): ServedModel {
  return {
    name,
    champion: undefined,
    history: [],
    versions: [],
    shadows: [],
    declared: nothingDeclared,
    pool: 'cpu',
    servingJson: '{}',
    serve: {},
    retired: false,
    epoch: 0,
  };
}

export type ServedFact =
  | {
      readonly kind: 'import';
      readonly version: Omit<ServedVersion, 'version' | 'signature' | 'registeredAt'>;
      /** By the registry's key, for the version that `nextVersion` names. */
      readonly signature: string;
      /** Undefined: where nothing serves yet. */
      readonly promote: boolean | undefined;
    }
  | { readonly kind: 'promote'; readonly version: number; readonly reason: string; readonly by: string }
  | { readonly kind: 'rollback'; readonly reason: string; readonly by: string }
  | { readonly kind: 'set-routes'; readonly asked: RoutesAsked; readonly by: string }
  | {
      readonly kind: 'set-serve';
      readonly pool: string;
      readonly servingJson: string;
      readonly serve: ServeInit;
    }
  | { readonly kind: 'retire' }
  | { readonly kind: 'set-availability'; readonly available: boolean }
  | { readonly kind: 'signed'; readonly signatures: ReadonlyMap<number, string> };

export interface ServedDecision {
  readonly state: ServedModel;
  readonly emits: readonly Emit[];
  readonly refusal?: Refusal;
}

/** The number that a version which is imported now would have. */
export function nextVersion({ versions }: ServedModel): number {
  return Math.max(0, ...versions.map(({ version }) => version)) + 1;
}

/** What a fact changes about an imported model. Its deployment gets an epoch, and is told, where it looks different. */
export function decideServed(state: ServedModel, fact: ServedFact, now: number): ServedDecision {
  const decision = decided(state, fact, now);
  const after = decision.state;
  if (decision.refusal || looksOf(state) === looksOf(after)) return decision;
  const next = { ...after, epoch: state.epoch + 1 };
  const told: Emit = { event: 'deploymentUpdated', aggregateId: next.name, body: servedDeployment(next) };
  return { state: next, emits: [...decision.emits, told] };
}

function decided(state: ServedModel, fact: ServedFact, now: number): ServedDecision {
  switch (fact.kind) {
    case 'import':
      return imported(state, fact, now);
    case 'promote':
      return promotedByHand(state, fact);
    case 'rollback':
      return rolledBack(state, fact);
    case 'set-routes':
      return routed(state, fact);
    case 'set-serve': {
      const { pool, servingJson, serve } = fact;
      return { state: { ...state, pool, servingJson, serve }, emits: [] };
    }
    case 'retire':
      return {
        state: { ...state, retired: true, declared: withoutRoutes(state.declared), shadows: [] },
        emits: [],
      };
    case 'set-availability':
      return { state: { ...state, declared: { ...state.declared, unloaded: !fact.available } }, emits: [] };
    case 'signed': {
      const versions = state.versions.map((version) => ({
        ...version,
        signature: fact.signatures.get(version.version) ?? version.signature,
      }));
      return { state: { ...state, versions }, emits: [] };
    }
  }
}

/** The same bytes again are the same version; asked to, that one may take the requests. */
function imported(
  state: ServedModel,
  { version: file, signature, promote }: Extract<ServedFact, { kind: 'import' }>,
  now: number,
): ServedDecision {
  const known = state.versions.find(({ digest }) => digest === file.digest);
  const added = known ?? { ...file, version: nextVersion(state), signature, registeredAt: now };
  const next = known ? state : { ...state, versions: [...state.versions, added] };
  const emits: Emit[] = known ? [] : [registered(state.name, added)];
  const serves = state.champion !== undefined && !state.retired;
  if (!(promote ?? !serves)) return { state: next, emits };
  const moved = promoted(next, added.version, 'imported', file.registeredBy);
  return { state: moved.state, emits: [...emits, ...moved.emits] };
}

function promotedByHand(
  state: ServedModel,
  { version, reason, by }: Extract<ServedFact, { kind: 'promote' }>,
): ServedDecision {
  if (state.versions.some((known) => known.version === version))
    return promoted(state, version, reason || 'promoted by hand', by);
  return refusal(state, 'MODEL_NOT_FOUND', 'reference', `${state.name} has no version ${version}`);
}

/** The previous champion answers again; a second rollback goes further back. */
function rolledBack(
  state: ServedModel,
  { reason, by }: Extract<ServedFact, { kind: 'rollback' }>,
): ServedDecision {
  const version = state.history.at(-1);
  if (version === undefined) {
    const message = `${state.name} has no earlier champion to go back to; promote a version by number instead`;
    return refusal(state, 'ROLLBACK_CONFLICT', 'system', message);
  }
  const moved = promoted(state, version, reason || 'rolled back', by);
  return { ...moved, state: { ...moved.state, history: state.history.slice(0, -1) } };
}

function refusal(state: ServedModel, code: string, field: string, message: string): ServedDecision {
  return { state, emits: [], refusal: { code, field, message } };
}

function routed(
  state: ServedModel,
  { asked, by }: Extract<ServedFact, { kind: 'set-routes' }>,
): ServedDecision {
  const { name, champion, epoch, declared, versions } = state;
  const first = asked.variants[0]?.version ?? versions.at(-1)?.version;
  if (first === undefined) {
    return refusal(state, 'MODEL_NOT_FOUND', 'name', `${name} has no version yet; import one first`);
  }
  const answer = declare({ name, champion: champion ?? first, epoch, declared, versions }, asked, true);
  if ('code' in answer) return { state, emits: [], refusal: answer };
  const moved = promoted(state, answer.champion, 'routes were declared', by);
  const next = { ...moved.state, declared: answer.declared, shadows: answer.shadows };
  return { state: next, emits: moved.emits };
}

/** Puts a version in the champion's place, alone; a model that was retired is back. */
function promoted(state: ServedModel, version: number, reason: string, by: string): ServedDecision {
  const next = { ...state, retired: false };
  if (state.champion === version) return { state: next, emits: [] };
  const shadows = state.shadows.filter((shadow) => shadow !== version);
  const history = state.champion === undefined ? [] : [...state.history, state.champion].slice(-historyMax);
  return {
    state: { ...next, champion: version, history, shadows, declared: withoutRoutes(state.declared) },
    emits: [
      {
        event: 'modelPromoted',
        aggregateId: state.name,
        body: {
          system: state.name,
          alias: 'champion',
          version,
          previousVersion: state.champion ?? 0,
          reason,
          movedBy: by,
        },
      },
    ],
  };
}

function registered(name: string, { version, digest, bytes }: ServedVersion): Emit {
  const body = { system: name, version, digest, bytes: BigInt(bytes) };
  return { event: 'modelRegistered', aggregateId: name, body };
}

/** The deployment as gateway and inference are told of it: without routes once it is retired. */
export function servedDeployment(state: ServedModel): MessageInitShape<typeof DeploymentUpdatedSchema> {
  const champion = state.versions.find(({ version }) => version === state.champion);
  const isServed = champion !== undefined && !state.retired;
  return {
    deployment: state.name,
    system: state.name,
    epoch: BigInt(state.epoch),
    routes: isServed ? routesOf(state, champion) : [],
    pool: state.pool,
    inputs: [...(champion?.inputs ?? [])],
    outputs: [...(champion?.outputs ?? [])],
    serve: state.serve,
    rules: isServed ? state.declared.rules.map((rule) => ({ ...rule })) : [],
    unloaded: state.declared.unloaded,
  };
}

function routesOf({ versions, declared, shadows }: ServedModel, champion: ServedVersion) {
  const shared =
    declared.variants.length > 0
      ? variantRoutes(declared.variants, champion.version)
      : [{ role: RouteRole.CHAMPION, version: champion.version, weight: 1, buckets: [] }];
  const shadowed = shadows.map((version) => ({
    role: RouteRole.SHADOW,
    version,
    weight: 0,
    buckets: [],
    standing: true,
  }));
  return [...shared, ...shadowed].flatMap((route) => {
    const version = versions.find((one) => one.version === route.version);
    if (!version) return [];
    const { digest, signature, graph } = version;
    return [{ ...route, buckets: [...route.buckets], digest, signature, ...(graph && { graph }) }];
  });
}

/** Nothing is told of a model before it serves. What it takes and gives follows from the digests. */
function looksOf(state: ServedModel): string {
  if (state.champion === undefined) return '';
  const { epoch: _epoch, inputs: _inputs, outputs: _outputs, ...rest } = servedDeployment(state);
  return canonicalJson(rest);
}
