import type { PeerCertificate } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ApiKeyUpdatedSchema } from '@perennial/contracts';
import { digestOf, fixedClock } from '@perennial/kernel';
import { beforeEach, expect, test } from 'vitest';
import { Access } from '../../src/access/access.js';
import { accessLimits } from '../../src/access/limits.js';
import { newSecret } from '../../src/access/new-key.js';
import type { TokenVerifier } from '../../src/access/token-verifier.js';
import { certificateNames } from '../../src/decide/certificate-names.js';

const keyId = '00112233445566ff';
const sha256Of = (text: string) => digestOf(text).slice('sha256:'.length);
const token = { name: 'root', tenant: 'default', role: 'admin', sha256: sha256Of('token') } as const;
const stranger = { ...token, name: 'stranger', tenant: 'other', sha256: sha256Of('other') };
let clock: ReturnType<typeof fixedClock>;
let access: Access;

beforeEach(() => {
  clock = fixedClock(1_000_000);
  access = new Access({ tenant: 'default', tokens: [token, stranger], verifier: undefined, clock });
});

const updated = (epoch: bigint, sha256: string, more: object = {}) =>
  access.ring.updated(
    create(ApiKeyUpdatedSchema, {
      keyId,
      epoch,
      name: 'shop',
      role: 'client',
      secrets: [{ sha256 }],
      expiresAt: timestampFromMs(2_000_000),
      ...more,
    }),
  );
const asked = (text: string) => () => access.callerOf(`Bearer ${text}`);
const unknown = expect.objectContaining({ code: 'UNAUTHENTICATED' });

test('before the gateway has heard of the keys it lets in tokens of the file alone, and says why', () => {
  const { text } = newSecret(keyId);
  expect(asked('token')()).toMatchObject({ name: 'root', role: 'admin' });
  expect(asked(text)).toThrow(expect.objectContaining({ code: 'ACCESS_UNAVAILABLE', retryAfterMs: 1_000 }));
  expect(asked('wrong')).toThrow(unknown);
  access.ring.caughtUp();
  expect(asked(text)).toThrow(unknown);
});

test.each([undefined, '', 'Bearer', 'Bearer wrong', 'Basic token', 'token', 'Bearer other', 'Bearer a.b.c'])(
  'whoever sends %j is not known',
  (header) => {
    expect(() => access.callerOf(header)).toThrow(unknown);
  },
);

test('a key that is known from before ends with its time, and with its revocation', () => {
  const { text, sha256 } = newSecret(keyId);
  access.ring.caughtUp();
  updated(1n, sha256);
  expect(asked(text)()).toMatchObject({ name: 'shop' });
  clock.set(2_000_000);
  expect(asked(text)).toThrow(unknown);
  clock.set(1_000_000);
  expect(asked(text)()).toMatchObject({ name: 'shop' });
  updated(2n, sha256, { revoked: true });
  expect(asked(text)).toThrow(unknown);
});

test('an older word about a key, told again, brings nothing back', () => {
  const { text, sha256 } = newSecret(keyId);
  access.ring.caughtUp();
  updated(2n, sha256, { revoked: true, secrets: [] });
  updated(1n, sha256);
  expect(asked(text)).toThrow(unknown);
});

test('a role of a later release opens nothing', () => {
  const { text, sha256 } = newSecret(keyId);
  access.ring.caughtUp();
  updated(1n, sha256, { role: 'archivist' });
  expect(asked(text)).toThrow(unknown);
});

test('the secret before a rotation opens until its own end', () => {
  const [before, now] = [newSecret(keyId), newSecret(keyId)];
  access.ring.caughtUp();
  updated(1n, before.sha256);
  const former = { sha256: before.sha256, validUntil: timestampFromMs(1_500_000) };
  updated(2n, '', { secrets: [{ sha256: now.sha256 }, former] });
  expect([asked(before.text)(), asked(now.text)()]).toMatchObject([{ name: 'shop' }, { name: 'shop' }]);
  clock.set(1_500_000);
  expect(asked(before.text)).toThrow(unknown);
  expect(asked(now.text)()).toMatchObject({ name: 'shop' });
});

test('who is known is remembered for so many headers and no more', () => {
  for (let at = 0; at < accessLimits.knownCallersMax + 10; at++) {
    expect(access.callerOf(`Bearer ${' '.repeat(at % 100)}token`)).toMatchObject({ name: 'root' });
  }
});

test('one token in any number of spellings pushes nobody out of memory', async () => {
  let checks = 0;
  const caller = { name: 'anna', tenant: 'default', role: 'viewer' } as const;
  const verify = async () => {
    checks += 1;
    return { caller, until: 2_000_000 };
  };
  const verifier = { onKeysChanged: () => {}, verify } as unknown as TokenVerifier;
  access = new Access({ tenant: 'default', tokens: [token], verifier, clock });
  await access.callerOf('Bearer a.b.c');
  for (let at = 0; at < accessLimits.knownCallersMax; at++)
    access.callerOf(`Bearer ${' '.repeat(1 + at)}token`);
  await access.callerOf('Bearer a.b.c');
  expect(checks).toBe(1);
});

test('names of a certificate are its common name, DNS names and URIs, and none that could be made up', () => {
  const of = (subjectaltname?: string) =>
    certificateNames({ subject: { CN: 'edge' }, subjectaltname } as unknown as PeerCertificate);
  expect(of()).toEqual(['edge']);
  expect(of('DNS:edge.example, URI:spiffe://plant/edge, IP Address:127.0.0.1')).toEqual([
    'edge',
    'edge.example',
    'spiffe://plant/edge',
  ]);
  // What Node writes for one URI of that text.
  expect(of('URI:"x, DNS:admin, y"')).toEqual(['edge']);
});
