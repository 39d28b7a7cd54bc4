import { digestOf, sha256 } from '@perennial/kernel';
import { expect, test } from 'vitest';
import type { Role } from '../../src/decide/access.js';
import { parseTokens, type Token, tokenOf, tokenWith } from '../../src/decide/tokens-file.js';

const token = (name: string, role: Role, tenant = 'default'): Token => ({
  name,
  tenant,
  role,
  sha256: digestOf(`secret-${name}`).slice('sha256:'.length),
});
const edge: Token = { name: 'edge', tenant: 'default', role: 'client', certificate: 'edge.example' };
const tokens = [token('root', 'admin'), token('desk', 'client'), token('stranger', 'admin', 'other'), edge];

test('a token of this tenant tells who asks, and nothing else does', () => {
  const found = (text: string) => tokenWith(tokens, 'default', sha256(text));
  expect(found('secret-desk')).toEqual({ name: 'desk', tenant: 'default', role: 'client' });
  for (const text of ['', 'wrong', 'secret-stranger', 'edge.example']) expect(found(text)).toBeUndefined();
});

test('a certificate of a name in the file tells who asks', () => {
  expect(tokenOf(tokens, 'default', ['other.example', 'edge.example'])?.name).toBe('edge');
  expect(tokenOf(tokens, 'other', ['edge.example'])).toBeUndefined();
  expect(tokenOf(tokens, 'default', ['desk', ''])).toBeUndefined();
});

test.each([
  ['tokens[0].sha256', { name: 'a', tenant: 't', role: 'admin', sha256: 'xyz' }],
  ['tokens[0].role', { name: 'a', tenant: 't', role: 'root', certificate: 'a' }],
  ['tokens[0]', { name: 'a', tenant: 't', role: 'admin' }],
  ['tokens[0]', { name: 'a', tenant: 't', role: 'admin', certificate: 'a', sha256: 'a'.repeat(64) }],
  ['tokens[0].expires', { name: 'a', tenant: 't', role: 'admin', certificate: 'a', expires: 'never' }],
])('a wrong %s is refused with its place', (field, entry) => {
  expect(parseTokens(JSON.stringify({ tokens }))).toEqual(tokens);
  expect(() => parseTokens(JSON.stringify({ tokens: [entry] }))).toThrow(
    expect.objectContaining({ code: 'TOKENS_FILE_INVALID', field }),
  );
});
