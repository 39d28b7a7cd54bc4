import { create } from '@bufbuild/protobuf';
import { ApiKeyUpdatedSchema } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { accessSentences } from '../../src/decide/access-sentences.js';
import { mentionsOf } from '../../src/decide/mentions.js';
import { parseSubject } from '../../src/decide/subject.js';

const key = { keyId: '00ff', name: 'shop', role: 'client', changedBy: 'ann' };
const said = (more: object) =>
  accessSentences.apiKeyUpdated(create(ApiKeyUpdatedSchema, { ...key, ...more }));

test('what became of an API key is said with who did it, and never with a digest', () => {
  const secrets = [{ sha256: 'a'.repeat(64) }, { sha256: 'b'.repeat(64) }];
  expect(said({ secrets: secrets.slice(1) })).toBe(
    'ann gave the API key shop (00ff) the role client without a scope',
  );
  expect(said({ secrets, scope: { systems: ['heat'], sources: ['meter'] } })).toBe(
    'ann gave the API key shop (00ff) the role client for heat and meter; the secret before opens it for a while',
  );
  expect(said({ scope: {} })).toContain('for nothing');
  expect(said({ revoked: true })).toBe('ann revoked the API key shop (00ff)');
});

test('the history of a key can be asked for by its id', () => {
  const eventType = 'io.perennial.api-key.updated.v1';
  expect(mentionsOf({ eventType, body: key })).toEqual(['api-key:00ff']);
  expect(parseSubject('api-key 00ff')).toMatchObject({ kind: 'api-key', id: '00ff' });
});
