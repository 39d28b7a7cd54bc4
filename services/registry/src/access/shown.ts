import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ApiKeySchema, ApiKeyUpdatedSchema } from '@perennial/contracts';
import type { ApiKey } from './api-key.js';

/** What everybody is told: the digests that open the key, and no more than that of its secrets. */
export function toldKey(key: ApiKey, changedBy: string): MessageInitShape<typeof ApiKeyUpdatedSchema> {
  const former = key.former && { sha256: key.former.sha256, validUntil: timestampFromMs(key.former.until) };
  return {
    keyId: key.keyId,
    epoch: BigInt(key.epoch),
    name: key.name,
    role: key.role,
    ...(key.scope && { scope: scopeOf(key.scope) }),
    limits: limitsOf(key.limits),
    secrets: key.revokedAt === undefined ? [{ sha256: key.sha256 }, ...(former ? [former] : [])] : [],
    expiresAt: timestampFromMs(key.expiresAt),
    revoked: key.revokedAt !== undefined,
    changedBy,
  };
}

/** What a person is shown: nothing of the secrets. */
export function shownKey(key: ApiKey): MessageInitShape<typeof ApiKeySchema> {
  return {
    keyId: key.keyId,
    name: key.name,
    role: key.role,
    ...(key.scope && { scope: scopeOf(key.scope) }),
    limits: limitsOf(key.limits),
    createdAt: timestampFromMs(key.createdAt),
    createdBy: key.createdBy,
    expiresAt: timestampFromMs(key.expiresAt),
    ...(key.rotatedAt !== undefined && { rotatedAt: timestampFromMs(key.rotatedAt) }),
    ...(key.former && { graceUntil: timestampFromMs(key.former.until) }),
    ...(key.revokedAt !== undefined && { revokedAt: timestampFromMs(key.revokedAt) }),
    epoch: BigInt(key.epoch),
  };
}

const scopeOf = ({ systems, sources }: NonNullable<ApiKey['scope']>) => ({
  systems: [...systems],
  sources: [...sources],
});
const limitsOf = (limits: ApiKey['limits']) => ({ ...limits, rowsPerDay: BigInt(limits.rowsPerDay) });
