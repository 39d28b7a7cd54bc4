import { type DeploymentUpdated, type Route, RouteRole } from '@perennial/contracts';
import { sha256 } from '@perennial/kernel';

/** Who answers a row, and who is asked beside. */
export interface Choice {
  readonly served: Route;
  readonly shadows: readonly Route[];
}

/**
 * Chooses who answers. The same key always gets the same answer under the same routes: a row goes to the canary where
 * the hash of its key, salted with the canary's version, falls below its weight; so that raising a weight only adds
 * rows, and each canary tries other rows. Undefined where no champion serves.
 */
export function choose(deployment: DeploymentUpdated, key: string): Choice | undefined {
  const shadows = deployment.routes.filter(({ role }) => role === RouteRole.SHADOW);
  const champion = deployment.routes.find(({ role }) => role === RouteRole.CHAMPION);
  const canaries = deployment.routes.filter(({ role }) => role === RouteRole.CANARY);
  for (const canary of canaries) {
    if (share(`${deployment.deployment}/${canary.version}/${key}`) < canary.weight)
      return { served: canary, shadows };
  }
  return champion && { served: champion, shadows };
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
