import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import {
  type ApiKey,
  ApiKeySchema,
  CreateApiKeyRequestSchema,
  ListApiKeysResponseSchema,
  RevokeApiKeyRequestSchema,
  RotateApiKeyRequestSchema,
} from '@perennial/contracts';
import { type Clock, PlatformError } from '@perennial/kernel';
import type { Access } from '../access/access.js';
import { accessLimits } from '../access/limits.js';
import { newKeyId, newSecret } from '../access/new-key.js';
import type { Peers } from '../effects/peers.js';
import { Answered, bodyObject, type ControlRequest, type ControlRoute, jsonOf, messageOf } from './route.js';

export interface KeyNeeds {
  readonly peers: Pick<Peers, 'access'>;
  readonly access: Pick<Access, 'ring' | 'fileNames'>;
  readonly clock: Clock;
}

const dayMs = 86_400_000;

/** API keys. A secret is in the answer that made it and nowhere else. */
export function keyRoutes(needs: KeyNeeds): ControlRoute[] {
  const { peers } = needs;
  return [
    {
      method: 'GET',
      path: '/v1/keys',
      needs: 'administer',
      answer: async () => jsonOf(ListApiKeysResponseSchema, await peers.access.listApiKeys({})),
    },
    {
      method: 'POST',
      path: '/v1/keys',
      needs: 'administer',
      answer: (request) => createKey(needs, request),
    },
    {
      method: 'POST',
      path: '/v1/keys/:id/rotate',
      needs: 'administer',
      answer: (request) => rotateKey(needs, request),
    },
    {
      method: 'DELETE',
      path: '/v1/keys/:id',
      needs: 'administer',
      answer: async (request) => {
        const fixed = { key_id: request.params['id'] ?? '', requested_by: request.caller.name };
        const { key } = await peers.access.revokeApiKey(messageOf(RevokeApiKeyRequestSchema, request, fixed));
        return shown(needs, key);
      },
    },
  ];
}

async function createKey(needs: KeyNeeds, request: ControlRequest): Promise<Answered> {
  const { access, clock, peers } = needs;
  const body = bodyObject(request.text);
  checkFree(access.fileNames, body['name']);
  const keyId = newKeyId();
  const { text, sha256 } = newSecret(keyId);
  const ends = new Date(clock.now() + accessLimits.keyLifetimeDaysDefault * dayMs).toISOString();
  const message = messageOf(
    CreateApiKeyRequestSchema,
    withDefault(request, 'expires_at', 'expiresAt', ends),
    { key_id: keyId, sha256, requested_by: request.caller.name },
    ['name', 'role'],
  );
  const { key } = await peers.access.createApiKey(message);
  return secret(201, await shown(needs, key), text);
}

async function rotateKey(needs: KeyNeeds, request: ControlRequest): Promise<Answered> {
  const keyId = request.params['id'] ?? '';
  const { text, sha256 } = newSecret(keyId);
  const asked = withDefault(request, 'grace_seconds', 'graceSeconds', accessLimits.graceSecondsDefault);
  const fixed = { key_id: keyId, sha256, requested_by: request.caller.name };
  const message = messageOf(RotateApiKeyRequestSchema, asked, fixed);
  const { key } = await needs.peers.access.rotateApiKey(message);
  return secret(200, await shown(needs, key), text);
}

/** The request with a field that its body leaves out. */
function withDefault(
  request: ControlRequest,
  name: string,
  otherName: string,
  value: JsonValue,
): ControlRequest {
  const body = bodyObject(request.text);
  if (body[name] !== undefined || body[otherName] !== undefined) return request;
  return { ...request, text: JSON.stringify({ ...body, [name]: value }) };
}

/** Nobody who was not there keeps it: neither proxies nor browsers. */
function secret(status: number, answer: JsonObject, text: string): Answered {
  return new Answered(status, { ...answer, secret: text }, { 'cache-control': 'no-store' });
}

/** With whether this gateway enforces the change already; the others of a platform hear of it in the same moment. */
async function shown({ access }: KeyNeeds, key: ApiKey | undefined): Promise<JsonObject> {
  if (!key) throw new Error('the registry answers with the key');
  const enforced = await access.ring.enforces(key.keyId, key.epoch, accessLimits.enforceWaitMs);
  return { key: jsonOf(ApiKeySchema, key), enforced };
}

/** A key with a name of the tokens file would speak as somebody else. */
function checkFree(taken: ReadonlySet<string>, name: JsonValue | undefined): void {
  if (typeof name !== 'string' || !taken.has(name)) return;
  throw new PlatformError(
    'API_KEY_NAME_CONFLICT',
    'caller',
    'never',
    `name: the tokens file names "${name}" already; choose another name`,
    { field: 'name' },
  );
}
