import { invalid } from '@perennial/kernel';

/**
 * What a route needs. `read`: systems, models, what answers them. `inspect`: how the platform does and what it holds
 * (runs, quality, quarantine, status). `predict`: ask models. `publish`: send rows and labels. `operate`: change what
 * runs. `approve`: let a model answer. `audit`: the log and its proofs. `administer`: who may come in.
 */
export type Permission =
  | 'read'
  | 'inspect'
  | 'predict'
  | 'publish'
  | 'operate'
  | 'approve'
  | 'audit'
  | 'administer';

const permissions = {
  viewer: ['read', 'inspect'],
  client: ['read', 'predict', 'publish'],
  operator: ['read', 'inspect', 'predict', 'publish', 'operate'],
  approver: ['read', 'inspect', 'approve'],
  auditor: ['read', 'inspect', 'audit'],
  admin: ['read', 'inspect', 'predict', 'publish', 'operate', 'approve', 'audit', 'administer'],
} as const satisfies Record<string, readonly Permission[]>;

/** Which permissions come together. */
export type Role = keyof typeof permissions;

export const roles = Object.keys(permissions) as readonly Role[];

export function isRole(text: unknown): text is Role {
  return typeof text === 'string' && Object.hasOwn(permissions, text);
}

/** Who asks. */
export interface Caller {
  readonly name: string;
  readonly tenant: string;
  readonly role: Role;
  /** What it may touch of all that its role may; absent: everything. */
  readonly scope?: Scope | undefined;
  /** Counts what it asks; absent: it may ask as much as it likes. */
  readonly meter?: Meter | undefined;
}

/** Systems (and models, which share their names) and sources, by name. */
export interface Scope {
  readonly systems: ReadonlySet<string>;
  readonly sources: ReadonlySet<string>;
}

/** What somebody's requests and rows are counted on. */
export interface Meter {
  /**
   * A request begins; what is returned ends it, however often it is called.
   *
   * @throws PlatformError REQUESTS_EXHAUSTED, REQUESTS_AT_ONCE_EXHAUSTED
   */
  begin(): () => void;
  /** @throws PlatformError ROWS_EXHAUSTED, and then none of these rows is taken */
  takeRows(count: number): void;
  /** Rows that were counted only when they were through. */
  spendRows(count: number): void;
  /** For answers over HTTP. */
  headers(): Record<string, string>;
}

export function may(role: Role, needs: Permission): boolean {
  return (permissions[role] as readonly Permission[]).includes(needs);
}

/** @throws PlatformError FORBIDDEN */
export function allow(caller: Caller, needs: Permission): void {
  if (may(caller.role, needs)) return;
  const able = roles.filter((role) => may(role, needs)).join(', ');
  throw invalid(
    'FORBIDDEN',
    `"${caller.name}" has the role ${caller.role}, which may not ${needs}; ask as one of ${able}`,
  );
}

export type ThingKind = 'system' | 'source';

/** Parts of a route's path that name a thing which a scope is about. */
const scopedParams: Readonly<Record<string, ThingKind>> = {
  system: 'system',
  model: 'system',
  source: 'source',
};

/** Whether a caller may touch a thing, as far as its scope goes. */
export function isInScope({ scope }: Caller, kind: ThingKind, name: string): boolean {
  if (scope === undefined) return true;
  return (kind === 'system' ? scope.systems : scope.sources).has(name);
}

/** @throws PlatformError FORBIDDEN, whether the thing exists or not */
export function allowTouch(caller: Caller, kind: ThingKind, name: string): void {
  if (isInScope(caller, kind, name)) return;
  throw outOfScope(caller, `may not touch the ${kind} "${name.slice(0, 80)}"`);
}

/**
 * Whether a caller may use a route. What is about everything is closed to whoever has a scope, unless the route looks
 * after the scope itself.
 *
 * @throws PlatformError FORBIDDEN
 */
export function allowRoute(
  caller: Caller,
  route: { readonly needs: Permission; readonly checksScope?: boolean | undefined },
  params: Readonly<Record<string, string>>,
): void {
  allow(caller, route.needs);
  if (caller.scope === undefined) return;
  let isBounded = route.checksScope === true;
  for (const [param, kind] of Object.entries(scopedParams)) {
    const name = params[param];
    if (name === undefined) continue;
    allowTouch(caller, kind, name);
    isBounded = true;
  }
  if (!isBounded) throw outOfScope(caller, 'may not ask for what is about all systems and sources');
}

function outOfScope(caller: Caller, what: string) {
  return invalid('FORBIDDEN', `the scope of "${caller.name}" ends before this: it ${what}`);
}

/**
 * Who rows sent over HTTP come from: a client speaks for the producer of its own name alone.
 *
 * @throws PlatformError PRODUCER_FORBIDDEN
 */
export function producerFor(caller: Caller, asked: string | undefined): string {
  const producer = asked ?? caller.name;
  if (caller.role === 'admin' || producer === caller.name) return producer;
  throw invalid(
    'PRODUCER_FORBIDDEN',
    `"${caller.name}" may send rows as the producer "${caller.name}" only, not as "${producer}"`,
    { field: 'producer' },
  );
}
