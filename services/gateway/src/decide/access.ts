import { timingSafeEqual } from 'node:crypto';
import { invalid, sha256 } from '@perennial/kernel';

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

/** One line of the tokens file; the token itself is never kept. */
export interface Token {
  readonly name: string;
  readonly sha256: string;
  readonly tenant: string;
  readonly role: Role;
}

/**
 * Finds whose token a header carries. Every known token is compared, each in constant time, so that the time taken
 * tells nothing.
 *
 * @throws PlatformError UNAUTHENTICATED
 */
export function callerOf(
  tokens: readonly Token[],
  tenant: string,
  authorization: string | undefined,
): Caller {
  const match = /^Bearer +(\S+)$/i.exec(authorization ?? '');
  const given = sha256(match?.[1] ?? '');
  let found: Token | undefined;
  for (const token of tokens) {
    const known = Buffer.from(token.sha256, 'hex');
    const isSame = known.length === given.length && timingSafeEqual(known, given);
    if (isSame && token.tenant === tenant) found = token;
  }
  if (!match || !found) {
    throw invalid(
      'UNAUTHENTICATED',
      'send the header "authorization: Bearer <token>" with a token of this platform; its first one is in .perennial/client.json',
    );
  }
  return { name: found.name, tenant: found.tenant, role: found.role };
}

/**
 * Reads the tokens file: `{"tokens":[{"name","sha256","tenant","role"}]}`.
 *
 * @throws PlatformError TOKENS_FILE_INVALID, naming the entry
 */
export function parseTokens(text: string): Token[] {
  const { tokens } = JSON.parse(text) as { tokens?: Partial<Token>[] };
  if (!Array.isArray(tokens)) throw tokensError('tokens', 'must be a list');
  return tokens.map((token, at) => {
    const { name, sha256: hash, tenant, role } = token;
    if (!name || !tenant) throw tokensError(`tokens[${at}]`, 'must have a name and a tenant');
    if (!hash || !/^[0-9a-f]{64}$/.test(hash))
      throw tokensError(`tokens[${at}].sha256`, 'must be 64 hexadecimal digits');
    if (!isRole(role)) throw tokensError(`tokens[${at}].role`, `must be one of ${roles.join(', ')}`);
    return { name, sha256: hash, tenant, role };
  });
}

function tokensError(field: string, message: string) {
  return invalid('TOKENS_FILE_INVALID', `${field} of the tokens file ${message}`, { field });
}
