import { type FeatureInput, RouteRole } from '@perennial/contracts';
import { rebucket, routeBuckets, type Share } from './buckets.js';
import type { Refusal } from './decision.js';

/** Sends requests of some clients to one version: all that is set must match. */
export interface Rule {
  readonly header: string;
  readonly equals: string;
  readonly tenant: string;
  readonly caller: string;
  readonly version: number;
}

/** What a person declared about who answers. */
export interface Declared {
  /** Empty: the champion alone. */
  readonly variants: readonly Share[];
  readonly rules: readonly Rule[];
  /** Taken out of service. */
  readonly unloaded: boolean;
  /** The epoch with which these versions began to share; rewards from before are about others. */
  readonly trialEpoch: number;
  /** What was last heard of their rewards: a late word about less changes nothing. */
  readonly rewarded: { readonly sinceEpoch: number; readonly rows: number };
}

export const nothingDeclared: Declared = {
  variants: [],
  rules: [],
  unloaded: false,
  trialEpoch: 0,
  rewarded: { sinceEpoch: 0, rows: 0 },
};

/** Another champion answers alone again: shares and rules were about versions that a person saw. */
export function withoutRoutes({ unloaded }: Declared): Declared {
  return { ...nothingDeclared, unloaded };
}

export interface RoutesAsked {
  readonly variants: readonly { readonly version: number; readonly weight: number }[];
  readonly shadows: readonly number[];
  readonly rules: readonly Rule[];
}

/** A version that may be routed to, or why it may not. */
export interface Routable {
  readonly version: number;
  readonly inputs: readonly FeatureInput[];
  readonly outputs: readonly FeatureInput[];
  readonly whyNot?: string;
}

export interface Routing {
  readonly name: string;
  readonly champion: number;
  /** Of the deployment now; what is declared begins with the next one. */
  readonly epoch: number;
  readonly declared: Declared;
  readonly versions: readonly Routable[];
}

export interface Routed {
  readonly champion: number;
  readonly declared: Declared;
  readonly shadows: number[];
}

/** Each variant is a model in memory and a series in every metric. */
const variantsMax = 20;
const shadowsMax = 5;
/** Looked at one after the other for every request. */
const rulesMax = 50;

/**
 * The routes that a person asked for, checked. The champion is among the variants with the share it was given, 0 where
 * it was given none; `mayMove` lets the largest variant take its place.
 */
export function declare(routing: Routing, asked: RoutesAsked, mayMove: boolean): Routed | Refusal {
  const refusal = checkCounts(asked) ?? checkVersions(routing, asked) ?? checkRules(asked);
  if (refusal) return refusal;
  const given = asked.variants.length > 0 ? asked.variants : [{ version: routing.champion, weight: 1 }];
  const champion = mayMove ? championAmong(given, routing.champion) : routing.champion;
  if (given.length === 1 && given[0]?.version !== champion) {
    return wrong('variants', `version ${given[0]?.version} alone would be the champion; promote it instead`);
  }
  const named = new Set([champion, ...asked.rules.map(({ version }) => version)]);
  const unshared = [...named].filter((version) => given.every((one) => one.version !== version));
  const wanted = [...given, ...unshared.map((version) => ({ version, weight: 0 }))];
  const answering = new Set(wanted.map(({ version }) => version));
  const both = asked.shadows.findIndex((version) => answering.has(version));
  if (both >= 0) {
    return wrong(
      `shadows[${both}]`,
      `version ${asked.shadows[both]} answers already; a shadow is never served`,
    );
  }
  const unlike = unlikeOthers(routing, wanted);
  if (unlike) return unlike;
  const isAlone = wanted.length === 1;
  const { declared } = routing;
  const variants = isAlone ? [] : rebucket(sharesNow(declared, routing.champion), inOrder(wanted));
  const isSame = sharing(variants).join() === sharing(declared.variants).join();
  return {
    champion,
    declared: {
      ...(isSame ? declared : { ...withoutRoutes(declared), trialEpoch: routing.epoch + 1 }),
      variants,
      rules: asked.rules,
    },
    shadows: [...asked.shadows].sort((a, b) => a - b),
  };
}

/** Versions that requests are drawn for; others are there for rules alone. */
export function sharing(variants: readonly Share[]): number[] {
  return variants.filter(({ weight }) => weight > 0).map(({ version }) => version);
}

/** Who has which keys now: the champion all of them, where nothing was declared. */
export function sharesNow({ variants }: Declared, champion: number): readonly Share[] {
  return variants.length > 0 ? variants : [{ version: champion, weight: 1, buckets: [0, routeBuckets] }];
}

export interface ShownRoute {
  readonly role: RouteRole;
  readonly version: number;
  readonly weight: number;
  readonly buckets: readonly number[];
}

/** Champion first, as readers of a deployment expect it. */
export function variantRoutes(variants: readonly Share[], champion: number): ShownRoute[] {
  const shown = variants.map((share) => ({
    ...share,
    role: share.version === champion ? RouteRole.CHAMPION : RouteRole.VARIANT,
  }));
  return shown.sort((a, b) => Number(b.version === champion) - Number(a.version === champion));
}

function inOrder<Versioned extends { readonly version: number }>(all: readonly Versioned[]): Versioned[] {
  return [...all].sort((a, b) => a.version - b.version);
}

/** The champion stays where it has a share; else the largest share takes its place. */
function championAmong(variants: RoutesAsked['variants'], champion: number): number {
  if (variants.some(({ version, weight }) => version === champion && weight > 0)) return champion;
  const [largest] = [...variants].sort((a, b) => b.weight - a.weight || a.version - b.version);
  return largest?.version ?? champion;
}

function checkCounts({ variants, shadows, rules }: RoutesAsked): Refusal | undefined {
  const over = (
    [
      ['variants', variants.length, variantsMax],
      ['shadows', shadows.length, shadowsMax],
      ['rules', rules.length, rulesMax],
    ] as const
  ).find(([, count, max]) => count > max);
  if (over) return wrong(over[0], `there are ${over[1]}; at most ${over[2]} are allowed`);
  const bad = variants.findIndex(({ weight }) => !Number.isFinite(weight) || weight < 0 || weight > 1e6);
  if (bad >= 0) return wrong(`variants[${bad}].weight`, 'a weight is a number from 0 to 1000000');
  if (variants.length > 0 && variants.every(({ weight }) => weight === 0)) {
    return wrong('variants', 'one variant at least needs a weight above 0');
  }
  return undefined;
}

function checkVersions({ name, versions }: Routing, asked: RoutesAsked): Refusal | undefined {
  const named = [
    ...asked.variants.map(({ version }, at) => ({ version, field: `variants[${at}].version` })),
    ...asked.shadows.map((version, at) => ({ version, field: `shadows[${at}]` })),
    ...asked.rules.map(({ version }, at) => ({ version, field: `rules[${at}].version` })),
  ];
  for (const { version, field } of named) {
    const known = versions.find((one) => one.version === version);
    const has = versions.map((one) => one.version).join(', ');
    if (!known) {
      return {
        code: 'MODEL_NOT_FOUND',
        field,
        message: `${field}: ${name} has no version ${version}; it has ${has}`,
      };
    }
    if (known.whyNot) return wrong(field, `version ${version} ${known.whyNot}; name another one`);
  }
  for (const list of [asked.variants.map(({ version }) => version), asked.shadows]) {
    const twice = list.find((version, at) => list.indexOf(version) < at);
    if (twice !== undefined) return wrong('variants', `version ${twice} is there twice`);
  }
  return undefined;
}

function checkRules({ rules }: RoutesAsked): Refusal | undefined {
  for (const [at, { header, equals, tenant, caller }] of rules.entries()) {
    const field = `rules[${at}]`;
    if (header === '' && tenant === '' && caller === '') {
      return wrong(field, 'a rule names a header with the value it equals, a tenant, or a caller');
    }
    if (header !== '' && !/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(header)) {
      return wrong(`${field}.header`, `${JSON.stringify(header)} is no name of a header`);
    }
    if (header === '' && equals !== '') return wrong(`${field}.header`, 'it is missing beside "equals"');
    if (header !== '' && equals === '') return wrong(`${field}.equals`, 'the value of the header is missing');
  }
  return undefined;
}

/** One deployment has one signature: who shares its requests takes and gives the same tensors. */
function unlikeOthers({ versions }: Routing, wanted: RoutesAsked['variants']): Refusal | undefined {
  const ends = wanted.map(({ version }) => {
    const model = versions.find((one) => one.version === version);
    return { version, takes: endsOf(model?.inputs ?? []), gives: endsOf(model?.outputs ?? []) };
  });
  const [first] = ends;
  const other = ends.find(({ takes, gives }) => takes !== first?.takes || gives !== first.gives);
  return (
    other &&
    wrong('variants', `version ${other.version} has other inputs or outputs than version ${first?.version}`)
  );
}

function endsOf(ends: readonly FeatureInput[]): string {
  return ends.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join()}]`).join('; ');
}

function wrong(field: string, text: string): Refusal {
  return { code: 'ROUTES_INVALID', field, message: `${field}: ${text}` };
}
