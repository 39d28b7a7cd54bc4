import { timingSafeEqual } from 'node:crypto';
import { invalid } from '@perennial/kernel';
import { type Caller, isRole, type Role, roles } from './access.js';

/** One line of the tokens file: somebody who shows a token, which itself is never kept, or a certificate. */
export interface Token {
  readonly name: string;
  readonly tenant: string;
  readonly role: Role;
  readonly sha256?: string | undefined;
  /** The common name, or a DNS name or URI, of a client certificate. */
  readonly certificate?: string | undefined;
}

/**
 * Whose token has this digest. Every known token is compared, each in constant time, so that the time taken tells
 * nothing.
 */
export function tokenWith(tokens: readonly Token[], tenant: string, digest: Uint8Array): Caller | undefined {
  let found: Token | undefined;
  for (const token of tokens) {
    const known = Buffer.from(token.sha256 ?? '', 'hex');
    const isSame = known.length === digest.length && timingSafeEqual(known, digest);
    if (isSame && token.tenant === tenant) found = token;
  }
  return found && callerFrom(found);
}

/** Whose certificate has one of these names. */
export function tokenOf(
  tokens: readonly Token[],
  tenant: string,
  names: readonly string[],
): Caller | undefined {
  const found = tokens.find(
    (token) =>
      token.tenant === tenant && token.certificate !== undefined && names.includes(token.certificate),
  );
  return found && callerFrom(found);
}

function callerFrom({ name, tenant, role }: Token): Caller {
  return { name, tenant, role };
}

const fields = new Set(['name', 'tenant', 'role', 'sha256', 'certificate']);

/**
 * Reads the tokens file: `{"tokens":[{"name","tenant","role","sha256" or "certificate"}]}`.
 *
 * @throws PlatformError TOKENS_FILE_INVALID, naming the entry
 */
export function parseTokens(text: string): Token[] {
  const tokens = listOf(text);
  return tokens.map((token, at) => {
    if (typeof token !== 'object' || token === null) throw tokensError(`tokens[${at}]`, 'must be an object');
    const { name, sha256, certificate, tenant, role } = token;
    const unknown = Object.keys(token).find((field) => !fields.has(field));
    if (unknown)
      throw tokensError(`tokens[${at}].${unknown}`, `is not known; there are ${[...fields].join(', ')}`);
    if (!name || !tenant) throw tokensError(`tokens[${at}]`, 'must have a name and a tenant');
    if ((sha256 === undefined) === (certificate === undefined))
      throw tokensError(`tokens[${at}]`, 'must have either sha256 or certificate');
    if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
      throw tokensError(`tokens[${at}].sha256`, 'must be 64 hexadecimal digits');
    if (certificate === '')
      throw tokensError(`tokens[${at}].certificate`, 'must be a name that stands in the certificate');
    if (!isRole(role)) throw tokensError(`tokens[${at}].role`, `must be one of ${roles.join(', ')}`);
    return { name, tenant, role, ...(sha256 !== undefined ? { sha256 } : { certificate }) };
  });
}

function listOf(text: string): Partial<Token>[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    throw tokensError('the text', `is no JSON: ${(cause as Error).message}`);
  }
  const { tokens } = (file ?? {}) as { tokens?: Partial<Token>[] };
  if (!Array.isArray(tokens)) throw tokensError('tokens', 'must be a list');
  return tokens;
}

function tokensError(field: string, message: string) {
  return invalid('TOKENS_FILE_INVALID', `${field} of the tokens file ${message}`, { field });
}
