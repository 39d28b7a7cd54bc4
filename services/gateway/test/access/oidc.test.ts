import { createHmac } from 'node:crypto';
import { fixedClock } from '@perennial/kernel';
import { type NatsForTests, startNats } from '@perennial/testkit';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Access } from '../../src/access/access.js';
import { accessLimits } from '../../src/access/limits.js';
import { TokenVerifier } from '../../src/access/token-verifier.js';
import { world } from '../peers.js';
import { startGateway } from '../platform.js';
import { openIssuer, signingKey } from './issuer.js';

const key = signingKey('first');
const other = signingKey('second');
const forged = { ...signingKey('first') };
let issuer: Awaited<ReturnType<typeof openIssuer>>;
let clock: ReturnType<typeof fixedClock>;
let access: Access;
let errors: unknown[];

beforeAll(async () => {
  issuer = await openIssuer(key);
});

afterAll(async () => {
  await issuer?.close();
});

/** Each test has a gateway's access and a clock of its own. */
beforeEach(() => {
  Object.assign(issuer.state, { keys: [key], isAway: false, keySetsAsked: 0 });
  clock = fixedClock(Date.now());
  errors = [];
  const verifier = new TokenVerifier({
    issuer: issuer.url,
    audience: 'perennial',
    jwksUrl: undefined,
    tenant: 'default',
    clock,
    claims: { role: 'role', tenant: 'tenant', name: 'sub' },
    onError: (error) => errors.push(error),
  });
  access = new Access({ tenant: 'default', tokens: [], verifier, clock });
});

const token = (claims: Parameters<typeof issuer.token>[0] = {}, by = key) =>
  issuer.token({ tenant: 'default', ...claims }, by, clock.now());
const callerOf = async (text: string) => access.callerOf(`Bearer ${text}`);
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const seconds = () => Math.floor(clock.now() / 1_000);

test('a token of the issuer says who asks, and is checked once', async () => {
  const text = await token();
  expect(await callerOf(text)).toEqual({ name: 'ann', tenant: 'default', role: 'client' });
  expect(access.callerOf(`Bearer ${text}`)).not.toBeInstanceOf(Promise);
  expect(issuer.state.keySetsAsked).toBe(1);
});

test('a token that was checked once still ends when it ends', async () => {
  const text = await token();
  await callerOf(text);
  clock.set(clock.now() + 600_000 + accessLimits.oidcClockToleranceMs + 1_000);
  await expect(callerOf(text)).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
    message: expect.stringContaining('expired'),
  });
});

test.each([
  ['for another audience', async () => token({ aud: 'other' })],
  ['of another issuer', async () => token({ iss: 'https://issuer.example' })],
  ['that has ended', async () => token({ exp: seconds() - 120 })],
  ['that begins later', async () => token({ nbf: seconds() + 120 })],
  ['without an end', async () => token({ exp: undefined as unknown as number })],
  ['of a forged key with a known id', async () => token({}, forged)],
  ['of a key nobody knows', async () => token({}, signingKey('unknown'))],
  ['without a signature', async () => `${base64({ alg: 'none' })}.${(await token()).split('.')[1]}.x`],
  [
    'signed with the public key as a shared secret',
    async () => {
      const head = `${base64({ alg: 'HS256', kid: 'first' })}.${(await token()).split('.')[1]}`;
      const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
      return `${head}.${createHmac('sha256', pem).update(head).digest('base64url')}`;
    },
  ],
  [
    'with a changed claim',
    async () => {
      const [head, , signature] = (await token()).split('.');
      return `${head}.${base64({ iss: issuer.url, aud: 'perennial', sub: 'eve', role: 'admin', exp: 9e9 })}.${signature}`;
    },
  ],
  [
    'that brings its own key',
    async () =>
      new SignJWT({ iss: issuer.url, aud: 'perennial', sub: 'eve', role: 'admin', exp: seconds() + 60 })
        .setProtectedHeader({ alg: 'RS256', jwk: other.publicKey.export({ format: 'jwk' }) })
        .sign(other.privateKey),
  ],
])('a token %s lets nobody in', async (_, make) => {
  await expect(callerOf(await make())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test.each([
  ['another tenant', { tenant: 'other' }],
  ['no tenant', { tenant: undefined }],
  ['no role', { role: undefined }],
  ['a role of another platform', { role: 'root' }],
  ['no name', { sub: '' }],
])('a token of %s is somebody who may do nothing', async (_, claims) => {
  await expect(callerOf(await token(claims))).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

test('of several roles the strongest counts, and a tenant may be one of a list', async () => {
  const text = await token({ role: ['viewer', 'operator', 'guest'], tenant: ['a', 'default'] });
  expect((await callerOf(text)).role).toBe('operator');
});

test('a key that the provider has begun to use is fetched at once', async () => {
  await callerOf(await token());
  issuer.state.keys = [key, other];
  clock.set(clock.now() + accessLimits.oidcRefreshMsMin);
  expect((await callerOf(await token({}, other))).name).toBe('ann');
});

test('tokens of unknown keys do not make the gateway ask more often than it may', async () => {
  await callerOf(await token());
  for (let at = 0; at < 5; at++) {
    await expect(callerOf(await token({}, { ...other, kid: `unknown-${at}` }))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
  }
  expect(issuer.state.keySetsAsked).toBe(1);
});

test('what a withdrawn key signed opens nothing as soon as its withdrawal was heard', async () => {
  const text = await token();
  await callerOf(text);
  issuer.state.keys = [other];
  clock.set(clock.now() + accessLimits.oidcRefreshMsMin);
  await callerOf(await token({}, other));
  await expect(callerOf(text)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('known keys go on to count while the provider is away, for a day', async () => {
  await callerOf(await token());
  issuer.state.isAway = true;
  clock.set(clock.now() + accessLimits.oidcKeysFreshMs + 1);
  expect((await callerOf(await token())).name).toBe('ann');
  clock.set(clock.now() + accessLimits.oidcKeysStaleMsMax);
  await expect(callerOf(await token())).rejects.toMatchObject({ code: 'OIDC_UNAVAILABLE' });
});

test('a provider that never answered is said as that, asked again only after a while, and then found', async () => {
  issuer.state.isAway = true;
  const text = await token();
  for (let at = 0; at < 3; at++)
    await expect(callerOf(text)).rejects.toMatchObject({ code: 'OIDC_UNAVAILABLE' });
  expect(errors).toHaveLength(1);
  issuer.state.isAway = false;
  clock.set(clock.now() + accessLimits.oidcRefreshMsMin);
  expect((await callerOf(text)).name).toBe('ann');
});

test('a gateway lets people of the provider in beside its own keys, as far as their role goes', async () => {
  const nats: NatsForTests = await startNats();
  const gateway = await startGateway(nats, world(), {
    PERENNIAL_OIDC_ISSUER: issuer.url,
    PERENNIAL_OIDC_AUDIENCE: 'perennial',
    PERENNIAL_OIDC_ROLE_CLAIM: 'realm_access.roles',
    PERENNIAL_OIDC_NAME_CLAIM: 'email',
  });
  try {
    const claims = { email: 'ann@example.org', realm_access: { roles: ['viewer'] } };
    const text = await issuer.token(claims);
    const statusOf = async (method: string, path: string) =>
      (await gateway.ask(path, { method, token: text })).status;
    expect(await statusOf('GET', '/v1/systems')).toBe(200);
    expect(await statusOf('POST', '/v1/systems/heat/rollback')).toBe(403);
    const stranger = await issuer.token(claims, forged);
    expect((await gateway.ask('/v1/systems', { token: stranger })).status).toBe(401);
  } finally {
    await gateway.stop();
    await nats.stop();
  }
});
