import { createHash } from 'node:crypto';
import type { Route } from '@perennial/contracts';
import type { Tensor } from '@perennial/runtime';

/** SHA-256 of all that an answer depends on, each part with its length, so that no two different asks share a key. */
export function inputsKey({
  system,
  route,
  tenant,
  columns,
}: {
  readonly system: string;
  readonly route: Route;
  readonly tenant: string;
  readonly columns: readonly Tensor[];
}): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([system, route.digest, route.version, tenant]));
  for (const { name, datatype, shape, data } of columns) {
    hash.update(JSON.stringify([name, datatype, shape]));
    if (Array.isArray(data)) hash.update(JSON.stringify(data));
    else hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('base64');
}
