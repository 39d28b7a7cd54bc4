import { encodeUser, fmtCreds } from '@nats-io/jwt';
import { createUser, fromSeed } from '@nats-io/nkeys';

export interface ProducerCredentialsRequest {
  /** The seed of the account, or of one of its signing keys (`SA…`). */
  readonly accountSeed: string;
  /** The account's public key (`A…`); needed only when the seed is a signing key's and not the account's own. */
  readonly accountPublicKey?: string;
  /** The producer's name, shown by the bus in its lists of connections. */
  readonly name: string;
  /** The subjects it may publish to; everything else is refused by the bus. */
  readonly publish: readonly string[];
}

export interface ProducerCredentials {
  /** Text of a NATS credentials file. */
  readonly text: string;
  /** The public half of the producer's key (`U…`). */
  readonly publicKey: string;
}

/**
 * Mints the text of a NATS credentials file. The bus trusts it at once because the account's key has signed it, so
 * nothing has to be changed or restarted there. It holds a new private key and is kept nowhere: hand it out once.
 *
 * The producer may hear nothing but the answers to its own requests (`_INBOX.>`), which JetStream's acknowledgements
 * need.
 */
export async function mintProducerCredentials(
  request: ProducerCredentialsRequest,
): Promise<ProducerCredentials> {
  const signer = fromSeed(new TextEncoder().encode(request.accountSeed.trim()));
  const user = createUser();
  const isSignedByAccount =
    request.accountPublicKey === undefined || request.accountPublicKey === signer.getPublicKey();
  const jwt = await encodeUser(request.name, user, signer, {
    pub: { allow: [...request.publish] },
    sub: { allow: ['_INBOX.>'] },
    subs: -1,
    data: -1,
    payload: -1,
    ...(isSignedByAccount ? {} : { issuer_account: request.accountPublicKey as string }),
  });
  return { text: new TextDecoder().decode(fmtCreds(jwt, user)), publicKey: user.getPublicKey() };
}
