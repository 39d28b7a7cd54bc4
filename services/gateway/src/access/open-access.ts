import { readFile } from 'node:fs/promises';
import { decodeEvent, follow } from '@perennial/bus';
import { type ApiKeyUpdated, eventFilter, events } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { parseTokens, type Token } from '../decide/tokens-file.js';
import type { GatewayFrame } from '../gateway.js';
import { Access } from './access.js';
import { isTrustworthy } from './fetch-json.js';
import { TokenVerifier } from './token-verifier.js';

/** @throws PlatformError TOKENS_FILE_INVALID, OIDC_SETTINGS_INVALID */
export async function openAccess(frame: GatewayFrame): Promise<Access> {
  const { settings, tenant, clock } = frame;
  const tokens = await readTokens(settings.tokensFile);
  const access = new Access({ tenant, tokens, verifier: verifierOf(frame), clock });
  followKeys(frame, access);
  return access;
}

/** First the last word about each key, then every change. */
function followKeys({ bus, tenant, log, stopping }: GatewayFrame, { ring }: Access): void {
  follow(bus, {
    stream: 'MODEL',
    from: 'last-per-subject',
    filter: eventFilter(events.apiKeyUpdated),
    signal: stopping,
    onCaughtUp: () => ring.caughtUp(),
    onError: (error) => log.warn('following the bus failed', { error }),
    onMessage: (message) => {
      try {
        const received = decodeEvent(message);
        if (received?.tenant === tenant) ring.updated(received.body as ApiKeyUpdated);
      } catch (error) {
        // One message that cannot be read must not end the hearing of all others.
        log.error('an event cannot be read', { subject: message.subject, error });
      }
    },
  });
}

function verifierOf({ settings, tenant, clock, log }: GatewayFrame): TokenVerifier | undefined {
  const { oidcIssuer: issuer, oidcAudience: audience, oidcJwksUrl: jwksUrl } = settings;
  if (issuer === undefined && audience === undefined && jwksUrl === undefined) return undefined;
  if (issuer === undefined || audience === undefined)
    throw oidcError('PERENNIAL_OIDC_ISSUER and PERENNIAL_OIDC_AUDIENCE must both be set, or neither');
  for (const url of [issuer, jwksUrl]) {
    if (url !== undefined && !isTrustworthy(url))
      throw oidcError(`${url} must be https, or http on this machine`);
  }
  return new TokenVerifier({
    issuer,
    audience,
    jwksUrl,
    tenant,
    clock,
    claims: {
      role: settings.oidcRoleClaim,
      tenant: settings.oidcTenantClaim,
      name: settings.oidcNameClaim,
    },
    onError: (error) => log.warn('the keys of the identity provider cannot be had', { issuer, error }),
  });
}

/** @throws PlatformError TOKENS_FILE_INVALID */
async function readTokens(file: string): Promise<Token[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
    JSON.parse(text);
  } catch (cause) {
    throw invalid('TOKENS_FILE_INVALID', `the tokens file cannot be read: ${(cause as Error).message}`, {
      cause,
      field: 'PERENNIAL_TOKENS_FILE',
    });
  }
  return parseTokens(text);
}

function oidcError(message: string) {
  return invalid('OIDC_SETTINGS_INVALID', message, { field: 'PERENNIAL_OIDC_ISSUER' });
}
