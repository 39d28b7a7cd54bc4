import { invalid, type PlatformError } from '@perennial/kernel';
import { type Caller, isRole, roles } from './access.js';

/** Where the claims of a token say who somebody is. A name with dots is looked up whole first, then step by step. */
export interface ClaimNames {
  readonly role: string;
  /** Undefined: everybody of this issuer and audience is of the platform's tenant. */
  readonly tenant: string | undefined;
  readonly name: string;
}

type Claims = Readonly<Record<string, unknown>>;

/** The strongest first: whoever has several roles comes in with the first of these. */
const byStrength = ['admin', 'operator', 'approver', 'auditor', 'client', 'viewer'] as const;

/**
 * Who a checked token speaks for.
 *
 * @throws PlatformError FORBIDDEN for another tenant, for a token without a role, and without a name
 */
export function callerFromClaims(claims: Claims, names: ClaimNames, tenant: string): Caller {
  if (names.tenant !== undefined && !textsAt(claims, names.tenant).includes(tenant))
    throw forbidden('the token is for another tenant than this platform');
  const name = textsAt(claims, names.name)[0];
  if (name === undefined || !/^[\x21-\x7e]{1,128}$/.test(name))
    throw forbidden(`the token's claim "${names.name}" must be a text of 1 to 128 printable characters`);
  const given = textsAt(claims, names.role).filter(isRole);
  const role = byStrength.find((one) => given.includes(one));
  if (!role)
    throw forbidden(
      `the token's claim "${names.role}" names no role of this platform (${roles.join(', ')}); ask the operator for one`,
    );
  return { name, tenant, role };
}

/** A text, or the texts of a list. */
function textsAt(claims: Claims, path: string): string[] {
  let value: unknown = claims[path];
  if (value === undefined) {
    value = claims;
    for (const step of path.split('.')) {
      const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, step);
      value = isObject ? (value as Claims)[step] : undefined;
    }
  }
  return [value].flat().filter((one): one is string => typeof one === 'string');
}

function forbidden(message: string): PlatformError {
  return invalid('FORBIDDEN', message);
}
