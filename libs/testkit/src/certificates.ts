import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { systemClock } from '@perennial/kernel';

export interface CertificateForTests {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface AuthorityForTests extends CertificateForTests {
  /** A certificate for `commonName`, for servers and clients alike. */
  issue(commonName: string, names?: { dns?: string[]; ips?: string[]; uris?: string[] }): CertificateForTests;
}

/** A certificate authority of its own (X.509 v3, P-256), good for a day; no program but this one is needed. */
export function certificateAuthority(commonName = 'Authority for tests'): AuthorityForTests {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: commonName, key: privateKey };
  const isAuthority = extension([2, 5, 29, 19], true, sequence(boolean(true)));
  return {
    cert: certificate(commonName, publicKey, issuer, [isAuthority]),
    key: pemOf(privateKey),
    issue: (name, names = {}) => {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const alternatives = sequence(
        ...(names.dns ?? []).map((dns) => der(0x82, Buffer.from(dns))),
        ...(names.uris ?? []).map((uri) => der(0x86, Buffer.from(uri))),
        ...(names.ips ?? []).map((ip) => der(0x87, Buffer.from(ip.split('.').map(Number)))),
      );
      const extensions = alternatives.length > 2 ? [extension([2, 5, 29, 17], false, alternatives)] : [];
      return { cert: certificate(name, pair.publicKey, issuer, extensions), key: pemOf(pair.privateKey) };
    },
  };
}

/** RFC 5280, section 4.1. */
function certificate(
  subject: string,
  publicKey: KeyObject,
  issuer: { name: string; key: KeyObject },
  extensions: Buffer[],
): string {
  const algorithm = sequence(oid(1, 2, 840, 10045, 4, 3, 2));
  const now = systemClock.now();
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(issuer.name),
    sequence(time(now - 3_600_000), time(now + 86_400_000)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signature = sign('sha256', body, issuer.key);
  return pem('CERTIFICATE', sequence(body, algorithm, der(0x03, Buffer.from([0]), signature)));
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

const sequence = (...parts: Buffer[]) => der(0x30, ...parts);
const integer = (bytes: Buffer) => der(0x02, bytes);
const boolean = (value: boolean) => der(0x01, Buffer.from([value ? 0xff : 0]));
const nameOf = (commonName: string) =>
  sequence(der(0x31, sequence(oid(2, 5, 4, 3), der(0x0c, Buffer.from(commonName)))));

function extension(id: [number, number, ...number[]], isCritical: boolean, value: Buffer): Buffer {
  return sequence(oid(...id), ...(isCritical ? [boolean(true)] : []), der(0x04, value));
}

function oid(first: number, second: number, ...rest: number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const part of rest) {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

/** UTCTime: `YYMMDDhhmmssZ`. */
function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  return der(0x17, Buffer.from(text.replace(/[-:T]/g, '').slice(2)));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
