import type { Emitter } from '@perennial/bus';
import { applyFact, type Decider, storeOf } from './apply-fact.js';
import { applyServed } from './apply-served.js';
import { Listings } from './listings.js';
import { ServedModels } from './served-models.js';
import type { Db } from './store.js';

export interface Unsigned {
  readonly decider: Decider;
  readonly db: Db;
  readonly transact: <T>(work: (tx: Db, emit: Emitter) => Promise<T>) => Promise<T>;
}

interface Version {
  readonly version: number;
  readonly digest: string;
  readonly signature: string;
}

/**
 * Signs the versions that were registered before there was a key, and tells their deployments anew: whoever verifies
 * refuses them otherwise. Returns how many were signed; none without a key.
 */
export async function signUnsigned({ decider, db, transact }: Unsigned): Promise<number> {
  const { sign, tenant } = decider;
  if (!sign) return 0;
  const signaturesOf = (name: string, versions: readonly Version[]) =>
    new Map(
      versions
        .filter(({ signature }) => signature === '')
        .map(({ version, digest }) => [version, sign({ name, version, digest })]),
    );
  let count = 0;
  for (const name of await new Listings(db, tenant).systemNames()) {
    count += await transact(async (tx, emit) => {
      const state = await storeOf(decider, tx).load(name);
      const signatures = signaturesOf(name, state?.models ?? []);
      if (signatures.size === 0) return 0;
      await applyFact(decider, tx, name, { fact: { kind: 'models-signed', signatures }, cause: {}, emit });
      return signatures.size;
    });
  }
  for (const name of await new ServedModels(db, tenant).names()) {
    count += await transact(async (tx, emit) => {
      const models = new ServedModels(tx, tenant);
      await models.lockName(name);
      const model = await models.load(name);
      const signatures = signaturesOf(name, model?.versions ?? []);
      if (!model || signatures.size === 0) return 0;
      await applyServed(decider, tx, { known: model, model, fact: { kind: 'signed', signatures }, emit });
      return signatures.size;
    });
  }
  return count;
}
