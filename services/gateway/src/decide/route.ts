import { type DeploymentUpdated, type Route, RouteRole, type RouteRule } from '@perennial/contracts';
import { sha256 } from '@perennial/kernel';

/** Buckets that the hashes of keys fall into; variants own buckets. As in the registry, which deals them out. */
export const routeBuckets = 10_000;

/** Who answers a row, and who is asked beside. */
export interface Choice {
  readonly served: Route;
  readonly shadows: readonly Route[];
  /** How likely the served route was to be drawn; 0 where a rule named it. */
  readonly propensity: number;
}

/** What a choice depends on. Absent means that no rule about it fits. */
export interface Asked {
  /** What `routingKey` says. */
  readonly key: string;
  /** What `stickyValue` says; it takes the key's place. */
  readonly sticky?: string | undefined;
  readonly headers?: ((name: string) => string | undefined) | undefined;
  readonly tenant?: string | undefined;
  /** Name of the API key. */
  readonly caller?: string | undefined;
}

/**
 * Chooses who answers; the same key always gets the same answer under the same routes. The first rule that fits
 * decides. Else variants, a champion among them, share the keys by their buckets. Else a row goes to the canary where the hash of its key,
 * salted with the canary's version, falls below its weight; so that raising a weight only adds rows, and each canary
 * tries other rows. Undefined where nothing serves.
 */
export function choose(deployment: DeploymentUpdated, asked: Asked): Choice | undefined {
  const { routes } = deployment;
  const shadows = routes.filter(({ role }) => role === RouteRole.SHADOW);
  const ruled = routeByRule(deployment, asked);
  if (ruled) return { served: ruled, shadows: shadows.filter((one) => one !== ruled), propensity: 0 };
  const drawn = drawnVariant(deployment, asked) ?? drawnCanary(deployment, asked);
  return drawn && { ...drawn, shadows };
}

type Drawn = Pick<Choice, 'served' | 'propensity'>;

function routeByRule({ rules, routes }: DeploymentUpdated, asked: Asked): Route | undefined {
  for (const rule of rules) {
    const route = fits(rule, asked) ? routes.find(({ version }) => version === rule.version) : undefined;
    if (route) return route;
  }
  return undefined;
}

/** All that is set must match; a rule that sets nothing fits nobody. */
function fits({ header, equals, tenant, caller }: RouteRule, asked: Asked): boolean {
  if (header === '' && tenant === '' && caller === '') return false;
  return (
    (header === '' || asked.headers?.(header.toLowerCase()) === equals) &&
    (tenant === '' || asked.tenant === tenant) &&
    (caller === '' || asked.caller === caller)
  );
}

function drawnVariant(deployment: DeploymentUpdated, { key, sticky }: Asked): Drawn | undefined {
  const table = variantsOf(deployment);
  if (!table) return undefined;
  const bucket = Math.floor(share(`${deployment.deployment}/${sticky ?? key}`) * routeBuckets);
  const at = table.ownerOf[bucket] ?? 0;
  const served = table.variants[at];
  return served && { served, propensity: (table.counts[at] ?? 0) / routeBuckets };
}

function drawnCanary({ deployment, routes }: DeploymentUpdated, { key, sticky }: Asked): Drawn | undefined {
  const champion = routes.find(({ role }) => role === RouteRole.CHAMPION);
  let left = 1;
  for (const canary of routes) {
    if (canary.role !== RouteRole.CANARY) continue;
    const weight = Math.min(1, canary.weight);
    if (share(`${deployment}/${canary.version}/${sticky ?? key}`) < weight) {
      return { served: canary, propensity: left * weight };
    }
    left *= 1 - weight;
  }
  return champion && { served: champion, propensity: left };
}

interface VariantTable {
  readonly variants: readonly Route[];
  /** Index of the variant that owns a bucket. */
  readonly ownerOf: Uint16Array;
  readonly counts: readonly number[];
}

/** A deployment is told whole and never changed, so that its table is made once. */
const tables = new WeakMap<DeploymentUpdated, VariantTable | null>();

function variantsOf(deployment: DeploymentUpdated): VariantTable | undefined {
  const known = tables.get(deployment);
  if (known !== undefined) return known ?? undefined;
  const { routes } = deployment;
  const isShared = routes.some(({ role }) => role === RouteRole.VARIANT);
  // A champion is one of them, with a share of its own.
  const table = isShared
    ? tableOf(routes.filter(({ role }) => role === RouteRole.VARIANT || role === RouteRole.CHAMPION))
    : null;
  tables.set(deployment, table);
  return table ?? undefined;
}

/** Buckets as the registry dealt them out; by the weights, in the order of the routes, where it named none. */
function tableOf(variants: readonly Route[]): VariantTable {
  const ownerOf = new Uint16Array(routeBuckets);
  if (variants.some(({ buckets }) => buckets.length > 0)) {
    variants.forEach(({ buckets }, at) => {
      for (let pair = 0; pair + 1 < buckets.length; pair += 2) {
        const first = buckets[pair] ?? 0;
        ownerOf.fill(at, first, first + (buckets[pair + 1] ?? 0));
      }
    });
  } else {
    const total = variants.reduce((sum, { weight }) => sum + Math.max(0, weight), 0) || 1;
    let before = 0;
    variants.forEach(({ weight }, at) => {
      const from = Math.round((before / total) * routeBuckets);
      before += Math.max(0, weight);
      ownerOf.fill(at, from, Math.round((before / total) * routeBuckets));
    });
  }
  const counts = variants.map(() => 0);
  for (const owner of ownerOf) counts[owner] = (counts[owner] ?? 0) + 1;
  return { variants, ownerOf, counts };
}

/**
 * The value that keeps a client to one version: of the header, or else the row's column, that the deployment names.
 * Undefined where it names none, or the request has none.
 */
export function stickyValue(
  deployment: DeploymentUpdated,
  headers: ((name: string) => string | undefined) | undefined,
  row: Readonly<Record<string, unknown>>,
): string | undefined {
  const name = deployment.serve?.stickyBy ?? '';
  if (name === '') return undefined;
  const value = headers?.(name.toLowerCase()) ?? row[name];
  return value === undefined || value === null ? undefined : String(value);
}

/** The route of one version, asked for by its number, or undefined where it is not served. */
export function routeOfVersion(deployment: DeploymentUpdated, version: string): Route | undefined {
  return deployment.routes.find((route) => String(route.version) === version);
}

/** Uniform in [0, 1): the first 48 bits of the hash, which a double holds exactly. */
function share(text: string): number {
  const hash = sha256(text);
  let value = 0;
  for (let at = 0; at < 6; at++) value = value * 256 + (hash[at] ?? 0);
  return value / 2 ** 48;
}

/** What a row is routed by: its entity key and event time where it has one, else the prediction's own id. */
export function routingKey(row: {
  readonly key: Readonly<Record<string, unknown>>;
  readonly eventTimeMs: number | undefined;
  readonly predictionId: string;
}): string {
  if (row.eventTimeMs === undefined) return row.predictionId;
  const names = Object.keys(row.key).sort();
  return `${row.eventTimeMs}|${names.map((name) => `${name}=${String(row.key[name])}`).join('|')}`;
}

/** A deployment's epoch replaces a lower one, never a higher or the same. */
export function replaces(candidate: DeploymentUpdated, current: DeploymentUpdated | undefined): boolean {
  return current === undefined || candidate.epoch > current.epoch;
}
