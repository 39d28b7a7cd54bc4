import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { encodeAccount, encodeOperator, encodeUser, fmtCreds, type Permissions } from '@nats-io/jwt';
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys';
import { arrivalsOfProducer } from '@perennial/contracts';
import { readTextFile, writePrivateFile } from '../private-file.js';

/**
 * Who may do what on the bus, in operator mode: the server knows one operator and one account, and trusts every
 * user whom the account's key has signed. A producer is therefore added by signing, without touching the server.
 */
export interface NatsAuth {
  readonly operatorJwt: string;
  readonly systemAccount: string;
  /** Public key → JWT, for the server's `resolver_preload`. */
  readonly accounts: Readonly<Record<string, string>>;
  /** Full rights inside the account; what the services connect with. */
  readonly servicesCredsFile: string;
  /** May publish rows and labels of every source as the producer `desk`: the first credential to try things with. */
  readonly firstProducerCredsFile: string;
  /** The account's seed: whoever holds it mints credentials. Given to ingest alone. */
  readonly signingSeedFile: string;
}

/** No bound but the machine's; -1 is "unlimited" in an account's JWT. */
const unlimited = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
  mem_storage: -1,
  disk_storage: -1,
  streams: -1,
  consumer: -1,
};

/** Makes the keys at the first call and finds them again later; every file is 0600 in `dir`. */
export async function natsAuth(dir: string, tenant = 'default'): Promise<NatsAuth> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const operator = keptKey(path.join(dir, 'operator.seed'), createOperator);
  const system = keptKey(path.join(dir, 'system-account.seed'), createAccount);
  const account = keptKey(path.join(dir, 'account.seed'), createAccount);
  const signer = { signer: operator };
  const servicesCredsFile = path.join(dir, 'services.creds');
  const firstProducerCredsFile = path.join(dir, 'desk.creds');
  await keptCredentials(servicesCredsFile, 'services', account, {
    pub: { allow: ['>'] },
    sub: { allow: ['>'] },
  });
  await keptCredentials(firstProducerCredsFile, 'desk', account, {
    pub: { allow: arrivalsOfProducer(tenant, 'desk') },
    sub: { allow: ['_INBOX.>'] },
  });
  return {
    operatorJwt: await encodeOperator('perennial', operator, { system_account: system.getPublicKey() }),
    systemAccount: system.getPublicKey(),
    accounts: {
      [system.getPublicKey()]: await encodeAccount('SYS', system, {}, signer),
      [account.getPublicKey()]: await encodeAccount('PERENNIAL', account, { limits: unlimited }, signer),
    },
    servicesCredsFile,
    firstProducerCredsFile,
    signingSeedFile: path.join(dir, 'account.seed'),
  };
}

function keptKey(file: string, create: () => KeyPair): KeyPair {
  const seed = readTextFile(file);
  if (seed) return fromSeed(new TextEncoder().encode(seed));
  const key = create();
  writePrivateFile(file, `${new TextDecoder().decode(key.getSeed())}\n`);
  return key;
}

async function keptCredentials(
  file: string,
  name: string,
  account: KeyPair,
  rights: Permissions,
): Promise<void> {
  if (readTextFile(file)) return;
  const user = createUser();
  const jwt = await encodeUser(name, user, account, { ...rights, subs: -1, data: -1, payload: -1 });
  writePrivateFile(file, new TextDecoder().decode(fmtCreds(jwt, user)));
}
