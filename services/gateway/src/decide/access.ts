import { timingSafeEqual } from 'node:crypto';
import { invalid, sha256 } from '@perennial/kernel';

/** A client asks for predictions, sends rows and labels of its own and reads systems and models; the rest is the admin's. */
export type Role = 'admin' | 'client';

/** One line of the tokens file; the token itself is never kept. */
export interface Token {
  readonly name: string;
  readonly sha256: string;
  readonly tenant: string;
  readonly role: Role;
}

/** Who asks. */
export interface Caller {
  readonly name: string;
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
  return { name: found.name, role: found.role };
}

/** @throws PlatformError FORBIDDEN */
export function allow(caller: Caller, wanted: Role): void {
  if (caller.role === 'admin' || caller.role === wanted) return;
  throw invalid(
    'FORBIDDEN',
    `the token "${caller.name}" has the role ${caller.role}; this needs the role ${wanted}`,
  );
}

/**
 * Who rows sent over HTTP come from: a client's token speaks for the producer of its own name alone.
 *
 * @throws PlatformError PRODUCER_FORBIDDEN
 */
export function producerFor(caller: Caller, asked: string | undefined): string {
  const producer = asked ?? caller.name;
  if (caller.role === 'admin' || producer === caller.name) return producer;
  throw invalid(
    'PRODUCER_FORBIDDEN',
    `the token "${caller.name}" may send rows as the producer "${caller.name}" only, not as "${producer}"`,
    { field: 'producer' },
  );
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
    if (role !== 'admin' && role !== 'client')
      throw tokensError(`tokens[${at}].role`, 'must be admin or client');
    return { name, sha256: hash, tenant, role };
  });
}

function tokensError(field: string, message: string) {
  return invalid('TOKENS_FILE_INVALID', `${field} of the tokens file ${message}`, { field });
}
