import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JWTPayload, SignJWT } from 'jose';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function signingKey(kid: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, privateKey, publicKey };
}

/** An identity provider on this machine: a discovery document and the public keys of `keys`. */
export async function openIssuer(first: SigningKey) {
  const state = { keys: [first], isAway: false, keySetsAsked: 0 };
  const server = createServer((request, response) => {
    if (state.isAway) return void response.destroy();
    if (request.url === '/.well-known/openid-configuration') {
      return void response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
    }
    state.keySetsAsked += 1;
    const keys = state.keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid }));
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    state,
    /** A token as this issuer would give it, unless `claims` or `key` say otherwise. */
    token: (claims: JWTPayload = {}, key: SigningKey = state.keys[0] as SigningKey, nowMs = Date.now()) =>
      new SignJWT({
        iss: url,
        aud: 'perennial',
        sub: 'ann',
        role: 'client',
        exp: Math.floor(nowMs / 1_000) + 600,
        ...claims,
      })
        .setProtectedHeader({ alg: 'RS256', kid: key.kid })
        .sign(key.privateKey),
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}
