import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Emitter } from '@perennial/bus';
import {
  AccessService,
  type CreateApiKeyRequest,
  events,
  type RotateApiKeyRequest,
} from '@perennial/contracts';
import type { Clock } from '@perennial/kernel';
import { rpc } from '@perennial/service';
import { type ApiKey, conflictError, createKey, revokeKey, rotateKey, unknownKey } from './api-key.js';
import { shownKey, toldKey } from './shown.js';
import { ApiKeys } from './store.js';
import type { AccessDb } from './tables.js';

export interface AccessContext {
  readonly db: AccessDb;
  readonly tenant: string;
  readonly clock: Clock;
  /** Runs `work` in one transaction; what it emits is told when that commits. */
  readonly transact: <T>(work: (tx: AccessDb, emit: Emitter) => Promise<T>) => Promise<T>;
}

/** Keeps API keys and tells every change of one. */
export function accessService(context: AccessContext) {
  const { clock } = context;
  return rpc(AccessService, {
    createApiKey: async (request) => ({ key: shownKey(await create(context, request)) }),
    listApiKeys: async () => ({
      keys: (await new ApiKeys(context.db, context.tenant).all()).map(shownKey),
    }),
    rotateApiKey: async (request) => ({
      key: shownKey(
        await change(context, request, (key) => rotateKey(key, rotationOf(request), clock.now())),
      ),
    }),
    revokeApiKey: async (request) => ({
      key: shownKey(await change(context, request, (key) => revokeKey(key, clock.now()))),
    }),
  });
}

async function create(context: AccessContext, request: CreateApiKeyRequest): Promise<ApiKey> {
  const { keyId, sha256, name, role, scope, limits, expiresAt, requestedBy } = request;
  const key = createKey(
    {
      keyId,
      sha256,
      name,
      role,
      scope: scope && { systems: scope.systems, sources: scope.sources },
      limits: {
        requestsPerSecond: limits?.requestsPerSecond ?? 0,
        burst: limits?.burst ?? 0,
        rowsPerDay: Number(limits?.rowsPerDay ?? 0n),
        requestsAtOnce: limits?.requestsAtOnce ?? 0,
      },
      createdBy: requestedBy,
      expiresAt: expiresAt ? timestampMs(expiresAt) : 0,
    },
    context.clock.now(),
  );
  return context.transact(async (tx, emit) => {
    if (!(await new ApiKeys(tx, context.tenant).add(key))) {
      throw conflictError(
        'API_KEY_NAME_CONFLICT',
        `name: there is a key "${name}" already; rotate or revoke it, or choose another name`,
        'name',
      );
    }
    await emit(events.apiKeyUpdated, keyId, toldKey(key, requestedBy));
    return key;
  });
}

/** Changes a key and tells it, in one transaction; what changes nothing is not told. */
async function change(
  { tenant, transact }: AccessContext,
  { keyId, requestedBy }: { keyId: string; requestedBy: string },
  decide: (key: ApiKey) => ApiKey,
): Promise<ApiKey> {
  return transact(async (tx, emit) => {
    const keys = new ApiKeys(tx, tenant);
    const before = await keys.load(keyId);
    if (!before) throw unknownKey(keyId);
    const after = decide(before);
    if (after === before) return after;
    await keys.save(after);
    await emit(events.apiKeyUpdated, keyId, toldKey(after, requestedBy));
    return after;
  });
}

function rotationOf({ sha256, graceSeconds, expiresAt }: RotateApiKeyRequest) {
  return { sha256, graceMs: graceSeconds * 1_000, expiresAt: expiresAt && timestampMs(expiresAt) };
}
